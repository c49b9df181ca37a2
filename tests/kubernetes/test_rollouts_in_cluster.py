"""A new version, step by step: what KServe is told on the way, and what becomes of a version that is worse."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kserve_controller import TOKEN, KServe

import crds
from cluster import ApiServer
from documents import task_document
from modelyard.errors import ModelyardError
from modelyard.graph.fingerprint import service_fingerprint
from modelyard.graph.model import Graph, Node
from modelyard.store import Store
from modelyard.targets.base import Deployment, LiveService
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.applying import apply_objects
from modelyard.targets.kubernetes.deploying import Services
from modelyard.targets.kubernetes.manifests import objects_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.observing import live_services
from modelyard.targets.kubernetes.operators.knative import INFERENCE_SERVICE, VERSION, percent_of
from modelyard.targets.kubernetes.rollouts import endpoint, rolling
from modelyard.targets.kubernetes.rollouts.leaving import drop_rolled
from modelyard.targets.kubernetes.settings import Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SCOPE = Scope("p", "prod", "ml")
CLUSTER = Cluster(namespace="ml", operators={"serving": "kserve"})
IMAGES = dict.fromkeys(("tasks", "serving", "tracking"), "registry.example.com/p:1")
ROLLOUT = {"steps": (0.05, 0.25), "every": 1.0, "back_if": ("error_rate > 0.1", "p99_ms > 50")}
SERVED = {"model": "m", "stage": "production", "auth": {"tokens": ("${secret.API_TOKENS}",)}}
API = Node("serving.api", "serve", "service", config={**SERVED, "rollout": ROLLOUT})
SETTINGS = {"notifications": {"ops": {"url": "json://ops.example.com"}}}
GRAPH = Graph("p", {API.address: API}, "prod", {"kubernetes": {"namespace": "ml"}})
OnText = Callable[[str], None]


class Killed(BaseException):
    """The run's pod is gone."""


class Place:
    """A cluster with KServe, and a project whose registry names what is promoted."""

    def __init__(self, server: ApiServer, kserve: KServe, root: Path) -> None:
        self.server, self.kserve, self.root = server, kserve, root
        server.kubeconfig(root / "config", "ml")
        self.api = Api.connect("tests", "ml")
        self.apply()
        runner = server.access.token_of("system:serviceaccount:ml:p-prod-runner")
        server.kubeconfig(root / "config", "ml", token=runner, context="runner")
        self.runner = Api.connect("runner", "ml")
        self.store = Store.open({}, root, {})

    def apply(self, graph: Graph = GRAPH) -> None:
        apply_objects(self.api, SCOPE, objects_of(graph, SCOPE, CLUSTER, IMAGES), lambda event: None)

    def deploy(
        self, version: str, on_text: OnText = lambda text: None, cancel: threading.Event | None = None
    ) -> LiveService:
        """What a run does, with no more rights than it has, once its pipeline has promoted a version."""
        self.store.put_ref("registry/m/production", {"version": version, "model": f"b3:{version}"})
        document = task_document(self.root, API, fingerprint=service_fingerprint(API, {}), settings=SETTINGS)
        services = Services(self.runner, SCOPE, CLUSTER, GRAPH, lambda node: IMAGES["serving"], in_pod=True)
        deployment = Deployment(API, document, cancel=cancel or threading.Event())
        return services.deploy(deployment, lambda event: on_text(str(event.get("text"))))

    @property
    def service(self) -> dict[str, Any]:
        (found,) = self.server.objects.listed("InferenceService", "ml")
        return found

    def percent(self) -> int | None:
        return self.service["spec"]["predictor"].get("canaryTrafficPercent")

    def told(self) -> list[str]:
        """ConfigMaps of the endpoint."""
        maps = self.server.objects.listed("ConfigMap", "ml")
        return [one["metadata"]["name"] for one in maps if "serving-api" in one["metadata"]["name"]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(rolling, "_TICK", 0.1)
    monkeypatch.setenv("API_TOKENS", f"{TOKEN}, another")
    monkeypatch.setattr(endpoint, "broadcast", lambda *words, **more: ())
    with ApiServer() as server:
        server.make_namespace("ml")
        server.objects.create(crds.definition(INFERENCE_SERVICE.group, INFERENCE_SERVICE.name))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        with KServe(server).running() as kserve:
            yield Place(server, kserve, tmp_path)
        assert not server.failures, server.failures[0]


def test_a_version_comes_step_by_step_and_the_first_at_once(place: Place) -> None:
    first = place.deploy("6")
    assert (first.status, first.version, first.url) == ("ready", "6", "http://p-prod-serving-api-live.ml.example.com")
    said: list[str] = []
    live = place.deploy("7", said.append)
    assert (live.status, live.version) == ("ready", "7")
    assert place.kserve.shares == [{"6": 100}, {"7": 5, "6": 95}, {"7": 25, "6": 75}, {"7": 100}]
    assert len(place.kserve.revisions) == 2, "the share alone makes no revision"
    assert any(text.startswith("version 7 has 25% of the requests") for text in said)
    assert live_services(place.api, SCOPE, [INFERENCE_SERVICE])["serving.api"].fingerprint == live.fingerprint
    assert len(place.told()) == 1, "what the earlier version was told is gone, and the way back with it"
    place.deploy("7")
    assert len(place.kserve.shares) == 4, "what serves already is let be"


def test_a_version_that_fails_goes_back_and_is_told_with_its_value(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(endpoint, "broadcast", lambda channels, *words, **more: told.append((*channels, *words)) or ())
    asked: list[tuple[str, int | None]] = []
    apply_one = rolling.apply_one

    def noted(api: Api, scope: Scope, obj: dict[str, Any]) -> Any:
        asked.append((obj["metadata"]["annotations"][VERSION], percent_of(obj)))
        return apply_one(api, scope, obj)

    monkeypatch.setattr(rolling, "apply_one", noted)
    place.kserve.failing["7"] = 40
    place.deploy("6")
    with pytest.raises(ModelyardError) as caught:
        place.deploy("7")
    assert caught.value.what == (
        "version 7 of serving.api: error_rate > 0.1 held (error_rate = 0.4) at 5% of the requests, "
        "after 100 requests; version 6 has all requests again"
    )
    assert caught.value.code == "rolled-back"
    assert told == [("ops", "failure", "p: serving.api rolled back", caught.value.what)]
    assert asked == [("6", None), ("7", 5), ("7", 0), ("6", 0), ("6", None)], "requests go back first"
    assert place.kserve.shares[:2] == [{"6": 100}, {"7": 5, "6": 95}]
    assert place.kserve.serving() == {"6": 100}
    assert place.percent() is None
    assert place.service["metadata"]["annotations"]["modelyard.dev/model-version"] == "6"
    assert place.deploy("8").version == "8", "a better one goes through"
    assert max(shares.get("7", 0) for shares in place.kserve.shares[2:]) == 0


def test_a_version_that_does_not_come_up_gets_no_requests(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.kserve.unready.add("7")
    place.deploy("6")
    monkeypatch.setattr(rolling, "WITHIN", 2.0)
    with pytest.raises(ModelyardError, match="did not come up: it was not ready in time; version 6 has all"):
        place.deploy("7")
    assert all("7" not in shares for shares in place.kserve.shares)
    assert place.percent() is None


def test_a_run_that_was_killed_is_gone_on_with_at_its_step(place: Place) -> None:
    def kill(text: str) -> None:
        if text.startswith("version 7 has 25%"):
            raise Killed

    place.deploy("6")
    with pytest.raises(Killed):
        place.deploy("7", kill)
    assert place.percent() == 25
    assert place.deploy("7").version == "7"
    assert place.kserve.shares == [{"6": 100}, {"7": 5, "6": 95}, {"7": 25, "6": 75}, {"7": 100}]


def test_a_run_that_is_ended_waits_no_longer_and_leaves_the_share_to_the_next(place: Place) -> None:
    cancel = threading.Event()
    place.deploy("6")
    with pytest.raises(ModelyardError) as caught:
        place.deploy("7", lambda text: cancel.set() if text.startswith("version 7 has 5%") else None, cancel)
    assert caught.value.code == "cancelled"
    assert place.percent() == 5
    assert place.deploy("7").version == "7"


def test_a_run_that_goes_on_still_knows_what_to_go_back_to(place: Place) -> None:
    def kill(text: str) -> None:
        if text.startswith("version 7 has 5%"):
            raise Killed

    place.kserve.failing["7"] = 40
    place.deploy("6")
    with pytest.raises(Killed):
        place.deploy("7", kill)
    with pytest.raises(ModelyardError, match="version 6 has all requests again"):
        place.deploy("7")
    assert place.kserve.serving() == {"6": 100}


def test_an_apply_on_the_way_leaves_the_requests_as_they_are(place: Place) -> None:
    seen: list[int | None] = []

    def apply(text: str) -> None:
        if text.startswith("version 7 has 25%") and not seen:
            place.apply()
            seen.append(place.percent())

    place.deploy("6")
    place.deploy("7", apply)
    assert seen == [25]
    assert place.kserve.shares[-1] == {"7": 100}


def test_kserve_without_knative_is_told_as_what_it_is(place: Place) -> None:
    place.kserve.mode = "Standard"
    with pytest.raises(ModelyardError, match="runs it in its Standard mode, which shares no requests") as caught:
        place.deploy("6")
    assert "install Knative Serving" in str(caught.value.fix)


def test_without_its_rollout_an_endpoint_leaves_nothing_of_it(place: Place) -> None:
    place.deploy("6")
    place.deploy("7")
    drop_rolled(place.api, SCOPE, GRAPH, CLUSTER)
    assert place.percent() is None, "while it rolls out it stays"
    plain = replace(API, config=SERVED)
    graph = Graph("p", {API.address: plain}, "prod", GRAPH.target)
    place.apply(graph)
    drop_rolled(place.api, SCOPE, graph, CLUSTER)
    services = place.server.objects.listed("InferenceService", "ml")
    assert [one["metadata"]["name"] for one in services] == ["p-prod-serving-api-server"]
    assert len(place.told()) == 1


def test_what_is_taken_away_is_gone(place: Place) -> None:
    place.deploy("6")
    services = Services(place.runner, SCOPE, CLUSTER, GRAPH, lambda node: IMAGES["serving"], in_pod=True)
    services.remove("serving.api", lambda event: None)
    assert place.server.objects.listed("InferenceService", "ml") == []
