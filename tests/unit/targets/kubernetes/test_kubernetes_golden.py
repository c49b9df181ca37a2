"""What `render` writes for a cluster, as it was reviewed. `make golden` renews it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from cluster_projects import PROJECTS, Project, specimen

GOLDEN = Path(__file__).parents[3] / "golden" / "kubernetes"
_PACKED = (
    (re.compile(rb"(?<=prod-graph-)[0-9a-f]{8}"), b"00000000"),
    (re.compile(rb"(?<=graph\.json\.gz: )\S+"), b'""'),
)
"""The packed graph: another zlib packs it another way."""


@pytest.fixture(scope="module", params=PROJECTS)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    made: Project = PROJECTS[request.param](tmp_path_factory.mktemp(request.param))
    return made


def reviewed(files: dict[str, bytes]) -> dict[str, bytes]:
    found = {}
    for path, content in files.items():
        for pattern, instead in _PACKED:
            path = pattern.sub(instead, path.encode()).decode()  # noqa: PLW2901
            content = pattern.sub(instead, content)  # noqa: PLW2901
        found[path] = content
    return found


def test_files_are_the_reviewed_ones(project: Project) -> None:
    folder, files = GOLDEN / project.graph.project, reviewed(project.files())
    if os.environ.get("RENEW_GOLDEN"):
        shutil.rmtree(folder, ignore_errors=True)
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    known = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert known == files.keys()
    assert {path: content.decode() for path, content in files.items()} == {
        path: (folder / path).read_text("utf-8") for path in files
    }


def test_the_same_graph_gives_the_same_bytes(project: Project) -> None:
    assert list(project.files().items()) == list(project.files().items())


def test_the_kustomization_names_all_that_is_applied_in_that_order(project: Project) -> None:
    files = project.files()
    named = yaml.safe_load(files["kustomization.yaml"])["resources"]
    assert sorted(named) == [
        path for path in files if path.endswith(".yaml") and "/" not in path and path != "kustomization.yaml"
    ]
    assert [yaml.safe_load(files[path]) for path in named] == project.objects()


def test_kubectl_takes_the_folder_as_it_is(tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl")
    project = specimen(tmp_path)
    for path, content in project.files().items():
        (tmp_path / "out" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / path).write_bytes(content)
    made = subprocess.run(["kubectl", "kustomize", tmp_path / "out"], check=True, capture_output=True, text=True)
    found = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(made.stdout)}
    assert found == {(one["kind"], one["metadata"]["name"]): one for one in project.objects()}
