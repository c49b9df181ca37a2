"""Endpoints by operators: applied, waited for, seen, and taken away, with what the operator makes left to it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import crds
from cluster import ApiServer
from cluster.refusals import Refusal
from documents import task_document
from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph, Node
from modelyard.targets.base import Deployment
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.applying import apply_objects
from modelyard.targets.kubernetes.deploying import Services
from modelyard.targets.kubernetes.differing import differences
from modelyard.targets.kubernetes.inventory import Inventory
from modelyard.targets.kubernetes.manifests import objects_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.settings import Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SCOPE = Scope("p", "prod", "ml")
IMAGES = dict.fromkeys(("tasks", "serving", "tracking"), "registry.example.com/p:1")
API = Node("serving.api", "serve", "service", config={"model": "registry.m", "replicas": {"min": 1, "max": 1}})
OPERATORS = {
    "kserve": ("serving.kserve.io", "InferenceService", {"conditions": [{"type": "Ready", "status": "True"}]}),
    "seldon": ("machinelearning.seldon.io", "SeldonDeployment", {"state": "Available"}),
}


class Place:
    """A cluster with one operator in it, whose controller is below."""

    def __init__(self, server: ApiServer, operator: str) -> None:
        self.server, self.operator = server, operator
        self.group, self.kind, self.good = OPERATORS[operator]
        self.cluster = Cluster(namespace="ml", operators={"serving": operator})
        self.graph = Graph("p", {API.address: API}, "prod", {"kubernetes": {"namespace": "ml"}})
        self.api = Api.connect(None, "ml")

    def objects(self, graph: Graph | None = None) -> list[dict[str, Any]]:
        return objects_of(graph or self.graph, SCOPE, self.cluster, IMAGES)

    def deploy(self, fingerprint: str) -> Any:
        services = Services(self.api, SCOPE, self.cluster, self.graph, lambda node: IMAGES["serving"])
        document = replace(task_document(Path("/project"), API), fingerprint=f"b3:{fingerprint * 64}"[:67])
        return services.deploy(Deployment(API, document), lambda event: None)

    @contextmanager
    def controlled(self, status: dict[str, Any]) -> Iterator[None]:
        """A controller as KServe's: a Deployment with all the labels of its owner, and then a word on how it is."""
        done = threading.Event()
        thread = threading.Thread(target=self._control, args=(status, done))
        thread.start()
        yield
        done.set()
        thread.join()

    def _control(self, status: dict[str, Any], done: threading.Event) -> None:
        while not done.wait(0.3):
            for one in self.server.objects.listed(self.kind, "ml"):
                meta = one["metadata"]
                owner = {"apiVersion": one["apiVersion"], "kind": one["kind"], "name": meta["name"], "uid": meta["uid"]}
                child = deepcopy(
                    next(o for o in objects_of(self.graph, SCOPE, Cluster(), IMAGES) if o["kind"] == "Deployment")
                )
                child["metadata"] |= {
                    "name": f"{meta['name']}-predictor", "namespace": "ml", "labels": meta["labels"],
                    "ownerReferences": [{**owner, "controller": True}],
                }  # fmt: skip
                self.server.objects.apply(child)
                time.sleep(1)
                with suppress(Refusal):  # it is gone
                    self.server.objects.set_status(self.kind, "ml", meta["name"], status)


@pytest.fixture(params=list(OPERATORS))
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    group, kind, _ = OPERATORS[request.param]
    with ApiServer() as server:
        server.make_namespace("ml")
        server.objects.create(crds.definition(group, kind))
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "kubeconfig", "ml")))
        yield Place(server, request.param)
        assert not server.failures, server.failures[0]


def test_an_endpoint_is_waited_for_seen_and_not_changed_again(place: Place) -> None:
    with place.controlled(place.good):
        began = time.monotonic()
        live = place.deploy("1")
    assert (live.status, live.address) == ("ready", "serving.api")
    assert time.monotonic() - began > 1, "it was ready once its controller said so"
    (found,) = place.server.objects.listed(place.kind, "ml")
    applied = [one for one in place.objects() if one["kind"] == place.kind]
    assert found["metadata"]["name"] == applied[0]["metadata"]["name"]


def test_what_the_operator_makes_is_neither_pruned_nor_told_as_drift(place: Place) -> None:
    with place.controlled(place.good):
        apply_objects(place.api, SCOPE, place.objects(), lambda event: None)
        time.sleep(2)
        apply_objects(place.api, SCOPE, place.objects(), lambda event: None)
    assert len(place.server.objects.listed("Deployment", "ml")) == 1
    inventory = Inventory.read(place.api, SCOPE, place.objects())
    assert [change for change in differences(place.api, SCOPE, place.objects(), inventory) if change.drift] == []

    apply_objects(place.api, SCOPE, place.objects(Graph("p", {}, "prod")), lambda event: None)
    assert place.server.objects.listed(place.kind, "ml") == [], "what the spec no longer names is taken away"


def test_an_endpoint_that_its_operator_gives_up_is_told_in_its_words(place: Place) -> None:
    bad = {"conditions": [{"type": "Failed", "status": "True", "message": "no node has room"}]}
    with place.controlled(bad), pytest.raises(ModelyardError, match="no node has room"):
        place.deploy("1")
