"""Copies of the examples, with ports of their own, taken down at the end."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e_project import EXAMPLES, Project, free_port


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Project]]:
    """Copies an example, gives its services free ports, and stops whatever it started at the end."""
    made: list[Project] = []

    def copy(name: str) -> Project:
        root = tmp_path_factory.mktemp(name) / name
        ignored = shutil.ignore_patterns(".modelyard", "__pycache__", "out")
        shutil.copytree(EXAMPLES / name, root, ignore=ignored)
        spec = root / "mlops.yaml"
        text = spec.read_text()
        for port in ("8080", "8081", "5000"):
            text = text.replace(f"port: {port}", f"port: {free_port()}")
        spec.write_text(text)
        made.append(Project(root))
        return made[-1]

    yield copy
    for project in made:
        project.run("destroy", "--auto-approve", code=None)


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Callable[..., Project]]:
    """Writes a project from a spec and its files, and stops whatever it started at the end."""
    project = Project(tmp_path / "project")

    def write(spec: str, **files: str) -> Project:
        project.root.mkdir(exist_ok=True)
        (project.root / "mlops.yaml").write_text(f"version: 1\nproject: p\n{spec}")
        for name, text in files.items():
            (project.root / name.replace("__", ".")).write_text(text)
        return project

    yield write
    if (project.root / ".modelyard" / "state.db").exists():
        project.run("destroy", "--auto-approve", code=None)
