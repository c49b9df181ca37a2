"""A copy of a project that is applied to the tests' cluster through the command line, as a person does it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import ApiServer, Node, Refusal, probes
from e2e.e2e_project import PATH, Project
from modelyard.state import State
from modelyard.state.cluster_objects import ClusterPlace
from modelyard.state.kubernetes import KubernetesState

IMAGE = "registry.tests/project:1"
NAMESPACE = "work"
ENVIRONMENT = "prod"


@dataclass(frozen=True)
class StoredObjects:
    """What a server stores, to be read only."""

    server: ApiServer

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        with suppress(Refusal):
            return self.server.objects.get(kind, NAMESPACE, name)
        return None

    def create(self, obj: dict[str, Any]) -> None:
        raise AssertionError("only read")

    replace = create


@dataclass(frozen=True)
class ClusterProject(Project):
    """Its environment `prod` is in a cluster of its own."""

    server: ApiServer
    node: Node
    name: str

    def start(self, *arguments: str, **changes: str) -> Any:
        usual = {"MODELYARD_ENVIRONMENT": ENVIRONMENT, "KUBECONFIG": str(self.node.folder / "kubeconfig")}
        return super().start(*arguments, **{**usual, "PYTHONPATH": PATH, **changes})

    def listed(self, kind: str, component: str = "") -> list[dict[str, Any]]:
        found = self.server.objects.listed(kind, NAMESPACE)
        label = "app.kubernetes.io/component"
        return [obj for obj in found if not component or (obj["metadata"].get("labels") or {}).get(label) == component]

    def working(self) -> set[str]:
        """Addresses of tasks whose pod runs now."""
        pods = [pod for pod in self.listed("Pod", "task") if (pod.get("status") or {}).get("phase") == "Running"]
        return {str((pod["metadata"].get("annotations") or {}).get("modelyard.dev/address")) for pod in pods}

    def has_ended(self, job: dict[str, Any]) -> bool:
        return bool(self._conditions(job) & {"Complete", "Failed"})

    def ended_well(self, job: dict[str, Any]) -> bool:
        return "Complete" in self._conditions(job)

    def _conditions(self, job: dict[str, Any]) -> set[str]:
        found = self.server.objects.get("Job", NAMESPACE, job["metadata"]["name"])
        conditions = (found.get("status") or {}).get("conditions") or ()
        return {str(one["type"]) for one in conditions if one["status"] == "True"}

    def state(self) -> State:
        """As it is now, read from behind the API."""
        place = ClusterPlace(StoredObjects(self.server), f"{self.name}-{ENVIRONMENT}-state")
        return KubernetesState.open_at(place, read_only=True, project=self.name)

    @property
    def store(self) -> Path:
        """What is on the claim."""
        return self.node.claims / NAMESPACE / f"{self.name}-{ENVIRONMENT}-store"


def with_cluster(root: Path, **settings: Any) -> str:
    """Add the environment to a spec. The project's name."""
    spec = root / "mlops.yaml"
    images = dict.fromkeys(("tasks", "serving", "tracking"), IMAGE)
    cluster = {"namespace": NAMESPACE, "context": "tests", "images": images, "store": {"size": "1Gi"}, **settings}
    text = spec.read_text()
    added = {"environments": {ENVIRONMENT: {"target": {"kubernetes": cluster}}}}
    spec.write_text(f"{text}\n{yaml.safe_dump(added)}")
    return str(yaml.safe_load(text)["project"])


@contextmanager
def in_cluster(root: Path, folder: Path, **settings: Any) -> Iterator[ClusterProject]:
    """A cluster that has the project's image, and nothing of the project yet."""
    name = with_cluster(root, **settings)
    with (
        pytest.MonkeyPatch.context() as patch,
        ApiServer() as server,
        Node(server, folder / "node") as node,
    ):
        patch.setattr(probes, "STARTUP_HASTE", 2.0)  # MLflow's server takes half a minute on a busy machine
        server.make_namespace(NAMESPACE, {"pod-security.kubernetes.io/enforce": "restricted"})
        server.kubeconfig(node.folder / "kubeconfig", NAMESPACE)
        node.build(IMAGE, root)
        yield ClusterProject(root, server, node, name)
        assert not server.failures, server.failures[0]


def copy_of(example: Path, root: Path) -> Path:
    shutil.copytree(example, root, ignore=shutil.ignore_patterns(".modelyard", "__pycache__", "out"))
    root.chmod(0o755)
    return root
