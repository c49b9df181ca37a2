"""Build contexts of the Compose target: what goes into an image, and what its name depends upon. No engine is asked."""

import base64
import hashlib
import json
import subprocess
import sys
import zipfile
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import pytest

from modelyard.errors import ModelyardError
from modelyard.graph.model import CodeFile, ExternalData, Graph, Node, Resources
from modelyard.targets.images import Image, images_of
from modelyard.targets.images import requirements as image_requirements
from modelyard.targets.images.wheel import own_wheel

COMMAND = Node("steps.a", "command", config={"run": ["python", "a.py"]}, code=(CodeFile("a.py", "b3:0"),))
SKLEARN = Node("training.late", "train", config={"engine": "sklearn"})
ULTRALYTICS = Node("training.detector", "train", config={"engine": "ultralytics"})
SERVE = Node("serving.api", "serve", role="service")
LOCK = 'version = 1\npython = "3.11"\ndeclared = [\n    "{declared}",\n]\n\n[packages]\n{packages}\n'


def graph_of(*nodes: Node, **settings: object) -> Graph:
    return Graph("Flights of NY", {node.address: node for node in nodes}, settings=settings)


def installs(image: Image) -> set[str]:
    """Names of all packages that the image pins."""
    return {line.partition("==")[0] for line in image.files["constraints.txt"].decode().split()}


def asks_for(image: Image) -> set[str]:
    return set(image.files["requirements.txt"].decode().split("\n"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text("print('a')\n")
    return tmp_path


def test_a_role_without_a_node_has_no_image(root):
    assert set(images_of(graph_of(COMMAND), root, "base")) == {"tasks"}
    assert set(images_of(graph_of(COMMAND, SERVE), root, "base")) == {"tasks", "serving"}


def test_an_image_holds_only_what_its_nodes_can_touch(root):
    light = images_of(graph_of(COMMAND, SERVE), root, "base")
    tables = images_of(graph_of(SKLEARN), root, "base")["tasks"]
    pictures = images_of(graph_of(ULTRALYTICS), root, "base")["tasks"]
    assert {"blake3", "psutil"} <= installs(light["tasks"])
    assert not installs(light["tasks"]) & {"numpy", "mlflow", "onnxruntime", "torch"}
    assert {"onnxruntime", "starlette"} <= installs(light["serving"])
    assert not installs(light["serving"]) & {"torch", "mlflow", "pandas", "scikit-learn"}
    assert {"scikit-learn", "mlflow"} <= installs(tables)
    assert not installs(tables) & {"torch", "ultralytics", "uvloop"}
    assert {"torch", "ultralytics", "mlflow"} <= installs(pictures)


def test_what_the_project_declares_is_asked_for_as_it_was_written(root):
    graph = graph_of(COMMAND, SERVE, runtime={"packages": ["polars[pyarrow]>=1.2", "Ruamel.YAML<9"]})
    images = images_of(graph, root, "base")
    assert {"polars[pyarrow]>=1.2", "Ruamel.YAML<9"} <= asks_for(images["tasks"])
    assert not {"ruamel-yaml>=0.18", "ruamel.yaml>=0.18"} & asks_for(images["tasks"])
    assert not any(line.startswith("polars") for line in asks_for(images["serving"]))


def test_places_in_the_cloud_bring_their_clients(root):
    node = Node("sources.x", "ingest", config={"type": "files"}, external=ExternalData("s3://bucket/x", "b3:0"))
    plain, remote = graph_of(COMMAND), graph_of(COMMAND, store={"remote": "s3://bucket/store"})
    tracked = graph_of(COMMAND, tracking={"uri": "postgresql://db/x", "mirrors": ["tensorboard"]})
    asked = [asks_for(images_of(g, root, "base")["tasks"]) for g in (plain, remote, graph_of(node), tracked)]
    assert [any(line.startswith("s3fs") for line in lines) for lines in asked] == [False, True, True, False]
    assert any(line.startswith("psycopg[binary]") for line in asked[3])
    assert "tensorboard" in asked[3]


@pytest.mark.parametrize(
    ("url", "extra"),
    [("gs://bucket/x", "gcs"), ("abfs://box/x", "azure"), ("https://host/x.csv", "http"), ("file:///x", None)],
)
def test_every_place_that_sources_know_brings_its_extra(root, monkeypatch, url, extra):
    monkeypatch.setattr(image_requirements, "_own", sorted)
    node = Node("sources.x", "ingest", config={"type": "files"}, external=ExternalData(url, "b3:0"))
    asked = asks_for(images_of(graph_of(node), root, "base")["tasks"]) - {""}
    assert asked == ({extra} if extra else set())


def test_a_server_of_records_in_postgresql_has_its_driver(root):
    node = Node("tracking", "tracking", role="service", config={"port": 5000, "backend": "postgres"})
    assert any(line.startswith("psycopg") for line in asks_for(images_of(graph_of(node), root, "base")["tracking"]))


def test_a_server_that_keeps_artifacts_in_a_bucket_has_its_client_and_tasks_have_not(root):
    config = {"port": 5000, "backend": "postgres", "artifacts": {"url": "s3://b/x", "env": {}}}
    images = images_of(graph_of(COMMAND, Node("tracking", "tracking", role="service", config=config)), root, "base")
    asked = {role: any(line.startswith("boto3") for line in asks_for(image)) for role, image in images.items()}
    assert asked == {"tasks": False, "tracking": True}


def test_images_of_others_are_not_built(root):
    node = Node("observe.grafana", "grafana", role="service", config={"image": "grafana/grafana:12", "port": 3000})
    assert set(images_of(graph_of(SERVE, node), root, "base")) == {"serving"}


def test_a_server_that_asks_for_a_gpu_gets_the_runtime_for_it(root):
    on_gpu = Node("serving.api", "serve", role="service", resources=Resources(gpu=1))
    cpu, gpu = (asks_for(images_of(graph_of(node), root, "base")["serving"]) for node in (SERVE, on_gpu))
    assert any(line.startswith("onnxruntime>=") for line in cpu)
    assert any(line.startswith("onnxruntime-gpu>=") for line in gpu)
    assert not any(line.startswith("onnxruntime>=") for line in gpu)


def test_the_lock_wins_over_what_is_installed(root):
    declared = graph_of(COMMAND, runtime={"packages": ["numpy"]})
    installed = images_of(declared, root, "base")["tasks"].files["constraints.txt"].decode()
    (root / "mlops.lock").write_text(LOCK.format(declared="numpy>=1", packages='numpy = "1.26.4"\ntorch = "2.0"'))
    locked = images_of(declared, root, "base")["tasks"]
    assert f"numpy=={version('numpy')}\n" in installed
    assert "numpy==1.26.4\n" in locked.files["constraints.txt"].decode()
    assert "torch" not in installs(locked)


def test_without_a_package_here_the_whole_lock_holds(root):
    """What a package that is not installed here pulls in is not known here."""
    declared = graph_of(COMMAND, runtime={"packages": ["no-such-package-here"]})
    assert "no-such-package-here" not in installs(images_of(declared, root, "base")["tasks"])
    packages = 'no-such-package-here = "1.0"\nits-need = "2.0"'
    (root / "mlops.lock").write_text(LOCK.format(declared="no-such-package-here", packages=packages))
    image = images_of(declared, root, "base")["tasks"]
    assert {"no-such-package-here", "its-need"} <= installs(image)


def test_a_build_of_a_version_is_pinned_by_the_version_alone(monkeypatch):
    monkeypatch.setattr(image_requirements, "installed_versions", lambda _: ({"torch": "2.13.0+cpu"}, True))
    assert image_requirements.pinned(["torch"], None) == ["torch==2.13.0"]


def test_the_name_is_that_of_the_content(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "a.py").write_text((root / "a.py").read_text())
    graph = graph_of(COMMAND)
    name = images_of(graph, root, "base")["tasks"].name
    assert name.startswith("modelyard/flights-of-ny-tasks:")
    assert images_of(graph, elsewhere, "base")["tasks"] == images_of(graph, root, "base")["tasks"]
    assert images_of(graph, root, "other-base")["tasks"].name != name
    (root / "a.py").write_text("print('b')\n")
    assert images_of(graph, root, "base")["tasks"].name != name


def test_only_code_that_the_nodes_run_goes_in(root):
    (root / "secret.env").write_text("TOKEN=x")
    images = images_of(graph_of(COMMAND, SERVE), root, "base")
    assert [path for path in images["tasks"].files if path.startswith("project/")] == ["project/.keep", "project/a.py"]
    assert images["tasks"].files["project/a.py"] == b"print('a')\n"
    assert not any(path.endswith("a.py") for path in images["serving"].files)


def test_code_that_is_gone_is_told(root):
    (root / "a.py").unlink()
    with pytest.raises(ModelyardError, match=r"a\.py cannot be read") as told:
        images_of(graph_of(COMMAND), root, "base")
    assert told.value.code == "no-code"


def test_the_dockerfile_builds_on_the_base_and_ends_without_rights(root):
    images = images_of(graph_of(COMMAND, ULTRALYTICS), root, "registry.example.com/py:3.11")
    lines = images["tasks"].files["Dockerfile"].decode().splitlines()
    assert "ARG BASE=registry.example.com/py:3.11" in lines
    assert lines.index("USER root") < lines.index("USER 10001:0")
    assert lines[-1] == 'ENTRYPOINT ["python", "-m", "modelyard.runtime"]'
    assert "libgl1" in "".join(lines)
    plain = images_of(graph_of(COMMAND), root, "base")["tasks"].files["Dockerfile"].decode()
    assert "libgl1" not in plain


def test_the_bill_lists_what_is_pinned(root):
    image = images_of(graph_of(SERVE), root, "base")["serving"]
    bill = json.loads(image.files["sbom.cdx.json"])
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert [f"{one['name']}=={one['version']}" for one in bill["components"]] == (
        image.files["constraints.txt"].decode().split()
    )
    assert f"pkg:pypi/numpy@{version('numpy').partition('+')[0]}" in {one["purl"] for one in bill["components"]}


def test_the_wheel_is_whole_and_says_so(tmp_path):
    name, content = own_wheel()
    archive = zipfile.ZipFile(BytesIO(content))
    record = archive.read(next(path for path in archive.namelist() if path.endswith("/RECORD"))).decode()
    told = {path: digest for path, digest, _ in (line.split(",") for line in record.split()) if digest}
    actual = {path: _hash(archive.read(path)) for path in archive.namelist() if not path.endswith("/RECORD")}
    assert told == actual
    assert "modelyard/data/targets/images/Dockerfile.j2" in actual
    assert not any("__pycache__" in path or "/." in path.removeprefix("modelyard/data/") for path in actual)
    (tmp_path / name).write_bytes(content)
    program = "import modelyard.runtime, importlib.metadata as m; print(modelyard.__file__, m.requires('modelyard')[0])"
    where = {"PYTHONPATH": str(tmp_path / name), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", program], env=where, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(tmp_path / name))


def test_images_are_made_anew_quickly(root):
    """Apply asks each time; digests of files are all there is to do."""
    import time

    images_of(graph_of(ULTRALYTICS, SERVE), root, "base")
    began = time.process_time()
    images_of(graph_of(ULTRALYTICS, SERVE), root, "base")
    assert time.process_time() - began < 1.0


def _hash(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
