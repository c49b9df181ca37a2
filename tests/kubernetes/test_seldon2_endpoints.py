"""Endpoints by Seldon Core 2: exported, loaded, seen, put back, and taken away. A stand-in has Seldon's part."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from seldon_stand_in import Seldon

import crds
from cluster import ApiServer
from documents import task_document
from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph, Node, Ref
from modelyard.inference.session import Model
from modelyard.targets.base import Deployment, LiveService
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.applying import apply_objects
from modelyard.targets.kubernetes.deploying import Services
from modelyard.targets.kubernetes.manifests import objects_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.observing import survey
from modelyard.targets.kubernetes.operators import kinds_of_runs
from modelyard.targets.kubernetes.operators.triton_folder import export_version
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.task import TaskDocument
from served_folder import promote

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SCOPE = Scope("p", "prod", "ml")
NAME = "p-prod-serving-api"
CLUSTER = Cluster(namespace="ml", operators={"serving": "seldon-v2"})
IMAGES = dict.fromkeys(("tasks", "serving", "tracking"), "registry.example.com/p:1")
API = Node(
    "serving.api", "serve", "service", config={"model": "m", "stage": "production"},
    inputs={"version": Ref("registry.m", "version")},
)  # fmt: skip
REGISTER = Node("registry.m", "register", "task", config={"name": "m"}, outputs=("version",))


class Place:
    """A project whose store has a bucket, which here is a folder."""

    def __init__(self, server: ApiServer, folder: Path) -> None:
        self.server, self.root, self.remote = server, folder / "project", folder / "bucket"
        settings = {"store": {"remote": str(self.remote)}}
        nodes = {one.address: one for one in (REGISTER, API)}
        self.graph = Graph("p", nodes, "prod", {"kubernetes": {"namespace": "ml"}}, settings)
        self.api = Api.connect(None, "ml")
        self.services = Services(self.api, SCOPE, CLUSTER, self.graph, lambda node: IMAGES["serving"], in_pod=True)

    def document(self, fingerprint: str) -> TaskDocument:
        told = {"store": {"remote": str(self.remote)}, "fingerprint": f"b3:{fingerprint * 64}"}
        return task_document(self.root, API, **told)

    def deploy(self, fingerprint: str) -> LiveService:
        return self.services.deploy(Deployment(API, self.document(fingerprint)), lambda event: None)

    def apply(self) -> None:
        objects = objects_of(self.graph, SCOPE, CLUSTER, IMAGES)
        apply_objects(self.api, SCOPE, objects, lambda event: None)

    def model(self) -> dict[str, Any]:
        (found,) = self.server.objects.listed("Model", "ml")
        return found

    def live(self) -> LiveService:
        objects = objects_of(self.graph, SCOPE, CLUSTER, IMAGES)
        return survey(self.api, SCOPE, objects, kinds_of_runs(CLUSTER)).services["serving.api"]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    with ApiServer() as server:
        server.make_namespace("ml")
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "kubeconfig", "ml")))
        yield server
        assert not server.failures, server.failures[0]


@pytest.fixture
def place(server: ApiServer, tmp_path: Path) -> Place:
    server.objects.create(crds.definition("mlops.seldon.io", "Model"))
    return Place(server, tmp_path)


@pytest.fixture
def seldon(place: Place, tmp_path: Path) -> Iterator[Seldon]:
    with Seldon(place.server, tmp_path / "seldon") as seldon:
        yield seldon


FEEDS = {"x": np.array([[2.0], [-1.5]], np.float32), "word": np.array([["a"], [""]], object)}


def test_each_promoted_version_is_loaded_and_answers_as_our_server_does(place: Place, seldon: Seldon) -> None:
    for version, factor in ((1, 2.0), (2, 3.0)):
        promote(place.root, place.remote, version, factor)
        live = place.deploy(str(version))
        assert (live.address, live.status, live.fingerprint) == ("serving.api", "ready", f"b3:{str(version) * 64}")

        ours = Model.load(place.root / f"made-{version}").run(FEEDS)
        theirs = seldon.ask(NAME, FEEDS)
        assert theirs.keys() == ours.keys()
        for name, values in ours.items():
            np.testing.assert_array_equal(theirs[name], values)
            assert theirs[name].shape == values.shape
    assert seldon.seen == {NAME: 2}


def test_the_same_again_changes_nothing_and_no_apply_prunes_it(place: Place, seldon: Seldon) -> None:
    promote(place.root, place.remote, 1, 2.0)
    place.apply()
    place.deploy("1")
    before = place.model()["metadata"]["generation"]
    place.deploy("1")
    place.apply()
    assert place.model()["metadata"]["generation"] == before
    assert place.live().status == "ready"

    place.services.remove("serving.api", lambda event: None)
    assert place.server.objects.listed("Model", "ml") == []


def test_a_version_that_does_not_load_is_told_in_seldons_words_and_the_one_before_is_named_again(
    place: Place, seldon: Seldon
) -> None:
    promote(place.root, place.remote, 1, 2.0)
    place.deploy("1")
    good = place.model()["spec"]
    promote(place.root, place.remote, 2, 3.0)
    broken = Path(export_version(place.document("2")).uri) / "1" / "model.onnx"
    broken.write_bytes(b"no graph")

    with pytest.raises(ModelyardError, match=r"serving.api did not come up: ModelFailed: .*model.onnx"):
        place.deploy("2")
    assert place.model()["spec"] == good


def test_what_somebody_else_loads_is_seen_as_drift_and_mended(place: Place, seldon: Seldon) -> None:
    promote(place.root, place.remote, 1, 2.0)
    place.apply()
    place.deploy("1")
    wanted = place.model()["spec"]["storageUri"]
    changed = place.model()
    changed["spec"]["storageUri"] = wanted + "-other"
    place.server.objects.update(changed)

    found = place.live()
    assert found.fingerprint is None
    assert found.detail.startswith(".spec.storageUri was changed by")
    place.deploy("1")
    assert place.model()["spec"]["storageUri"] == wanted


def test_without_seldon_the_kind_that_is_missing_is_named(server: ApiServer, tmp_path: Path) -> None:
    place = Place(server, tmp_path)
    promote(place.root, place.remote, 1, 2.0)
    with pytest.raises(ModelyardError) as caught:
        place.live()
    assert caught.value.code == "missing-kind"
    assert "Model" in caught.value.what
