"""Endpoints by Seldon Core 2: the folder that is exported, the Model, and what its status says."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from workloads import api, endpoint

from crds import problems
from documents import task_document
from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph, Node, Ref
from modelyard.inference.session import open_session
from modelyard.targets.kubernetes.manifests import objects_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.observing import live_service
from modelyard.targets.kubernetes.operators import serving_objects
from modelyard.targets.kubernetes.operators.triton_folder import export_version, triton_config
from modelyard.targets.kubernetes.readiness import readiness
from modelyard.targets.kubernetes.rendering import render_files
from modelyard.targets.kubernetes.settings import Cluster
from served_folder import model_folder, promote

SCOPE = Scope("p", "prod", "ml")
CLUSTER = Cluster(namespace="ml", operators={"serving": "seldon-v2"})
REGISTER = Node("registry.m", "register", "task", config={"name": "m"}, outputs=("version",))
API = Node(
    "serving.api", "serve", "service", config={"model": "m", "stage": "production"},
    inputs={"version": Ref("registry.m", "version")},
)  # fmt: skip
IMAGES = dict.fromkeys(("tasks", "serving", "tracking"), "registry.example.com/p:1")


def model_of(node: Node = API, cluster: Cluster = CLUSTER) -> dict:
    (model,) = serving_objects(endpoint(scaled=True), node, cluster, "s3://b/p")
    assert problems(model) == []
    return model


def with_version(node: Node = API, size: int = 5_000_000) -> Node:
    return replace(node, config={**node.config, "exported": {"uri": "s3://b/p/served/m/1-ab", "size": size}})


def test_a_model_stands_for_all_that_an_endpoint_has_elsewhere():
    model = model_of(with_version())
    assert model["metadata"]["labels"] == endpoint()[0]["metadata"]["labels"]
    assert model["spec"] == {
        "storageUri": "s3://b/p/served/m/1-ab", "requirements": ["onnx"], "memory": "10Mi", "replicas": 1,
    }  # fmt: skip


def test_it_may_name_its_server_and_the_secret_of_the_bucket_and_be_scaled_by_seldon():
    cluster = Cluster.from_settings(
        {"operators": {"serving": "seldon-v2"}, "seldon": {"secret": "bucket", "server": "triton"}}
    )
    node = with_version(replace(api(2, 5), config={**api(2, 5).config, "model": "m"}))
    spec = model_of(node, cluster)["spec"]
    assert (spec["secretName"], spec["server"]) == ("bucket", "triton")
    assert (spec["minReplicas"], spec["maxReplicas"], "replicas" in spec) == (2, 5, False)


def test_the_run_makes_it_once_there_is_a_version():
    graph = Graph(
        "p", {one.address: one for one in (REGISTER, API)}, "prod", {"kubernetes": {"namespace": "ml"}},
        {"store": {"remote": "s3://b/p"}},
    )  # fmt: skip
    with_graph = objects_of(graph, SCOPE, CLUSTER, IMAGES)
    assert not [one for one in with_graph if one["kind"] in ("Model", "Deployment", "Service")]
    (role,) = [one for one in with_graph if one["kind"] == "Role"]
    rules = [one for one in role["rules"] if one["apiGroups"] == ["mlops.seldon.io"]]
    assert [(one["verbs"], one.get("resourceNames")) for one in rules] == [
        (["create", "delete", "get", "list", "watch"], None), (["patch"], ["p-prod-serving-api"]),
    ]  # fmt: skip
    files = render_files(graph, SCOPE, CLUSTER, IMAGES)
    (path,) = [path for path in files if "serving-api" in path]
    assert path == "jobs/model-p-prod-serving-api.yaml"
    assert 'storageUri: "s3://b/p/served/m"\n' in files[path].decode()
    assert "model-p-prod-serving-api" not in files["kustomization.yaml"].decode()


def test_a_version_is_exported_once_whole_and_named_by_what_it_is(tmp_path):
    root, remote = tmp_path / "project", tmp_path / "remote"
    promote(root, remote, 1, 2.0)
    document = task_document(root, API, store={"remote": str(remote)})

    first = export_version(document)
    folder = Path(first.uri)
    assert re.fullmatch(r"1-[0-9a-f]{12}", folder.name)
    assert folder.parent == remote / "served" / "m"
    assert {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()} == {
        "config.pbtxt", "signature.json", "1/model.onnx",
    }  # fmt: skip
    assert first.size == (folder / "1" / "model.onnx").stat().st_size
    before = (folder / "1" / "model.onnx").stat().st_mtime_ns
    assert export_version(document) == first
    assert (folder / "1" / "model.onnx").stat().st_mtime_ns == before

    (folder / "config.pbtxt").unlink()  # an export that was cut off
    assert export_version(document) == first
    assert (folder / "config.pbtxt").is_file()
    promote(root, remote, 2, 3.0)
    assert Path(export_version(document).uri).name.startswith("2-")


def test_a_config_names_each_tensor_with_its_whole_shape(tmp_path):
    config = triton_config(model_folder(tmp_path / "m", 2.0) / "model.onnx")
    assert config == (
        'backend: "onnxruntime"\ndefault_model_filename: "model.onnx"\nmax_batch_size: 0\n'
        'input {\n  name: "x"\n  data_type: TYPE_FP32\n  dims: [-1, 1]\n}\n'
        'input {\n  name: "word"\n  data_type: TYPE_STRING\n  dims: [-1, 1]\n}\n'
        'output {\n  name: "prediction"\n  data_type: TYPE_FP32\n  dims: [-1, 1]\n}\n'
        'output {\n  name: "echo"\n  data_type: TYPE_STRING\n  dims: [-1, 1]\n}\n'
    )


def test_nothing_promoted_and_no_bucket_are_said(tmp_path):
    remote = {"remote": str(tmp_path / "remote")}
    with pytest.raises(ModelyardError, match="no version of m has been promoted to production"):
        export_version(task_document(tmp_path, API, store=remote))
    with pytest.raises(ModelyardError, match="the store has none"):
        export_version(task_document(tmp_path, API))


def loaded(message: str, status: str = "False", reason: str = "") -> dict:
    condition = {"type": "ModelReady", "status": status, "message": message, "reason": reason}
    return {**model_of(with_version()), "status": {"conditions": [condition]}}


@pytest.mark.parametrize(
    ("obj", "state", "text"),
    [
        ({**model_of(with_version())}, "waiting", "its operator has not seen it yet"),
        (loaded("ModelProgressing"), "waiting", "ModelProgressing"),
        (loaded("ScheduleFailed", reason="no server has onnx"), "waiting", "ScheduleFailed: no server has onnx"),
        (loaded("ModelFailed", reason="rclone: no bucket"), "failed", "ModelFailed: rclone: no bucket"),
        (loaded("ModelAvailable", "True"), "ready", ""),
    ],
)
def test_what_seldon_says_of_a_model(obj, state, text):
    found = readiness(obj)
    assert (found.state, found.text) == (state, text)


def test_a_version_that_somebody_else_loads_is_drift():
    ours = {"manager": "modelyard", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    theirs = {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:storageUri": {}}}}
    obj = loaded("ModelAvailable", "True")
    obj["metadata"] = {**obj["metadata"], "managedFields": [ours, theirs]}
    live = live_service(obj)
    assert (live.status, live.fingerprint) == ("ready", None)
    assert live.detail == ".spec.storageUri was changed by kubectl-edit"


def test_the_exported_graph_is_the_one_that_our_server_runs(tmp_path):
    root, remote = tmp_path / "project", tmp_path / "remote"
    promote(root, remote, 1, 2.5)
    folder = Path(export_version(task_document(root, API, store={"remote": str(remote)})).uri)
    ours = (root / "made-1" / "model.onnx").read_bytes()
    assert (folder / "1" / "model.onnx").read_bytes() == ours
    assert [one.name for one in open_session(folder / "1" / "model.onnx").get_outputs()] == ["prediction", "echo"]
