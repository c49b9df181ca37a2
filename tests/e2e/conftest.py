"""Copies of the examples, with ports of their own, taken down at the end."""

import shutil
from collections.abc import Callable, Iterator

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
