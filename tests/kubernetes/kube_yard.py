"""A project on the tests' cluster: its namespace, its store as a claim, its image, and a target that opens it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from cluster import ApiServer, Node
from modelyard.graph.model import Graph
from modelyard.targets.kubernetes.manifests import objects_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.targets.kubernetes.target import KubernetesTarget

IMAGE = "registry.tests/project:1"
NAMESPACE = "work"


@dataclass
class Yard:
    """What pods keep under `/project/.modelyard` is `root/.modelyard` here, so that tests see both sides."""

    server: ApiServer
    node: Node
    root: Path
    project: str
    settings: dict[str, Any]

    def target(self, **settings: Any) -> KubernetesTarget:
        options = {**self.settings, **settings}
        return KubernetesTarget(Graph(self.project, {}, target={"kubernetes": options}), self.root, options)

    @property
    def scope(self) -> Scope:
        return Scope(self.project, "default", NAMESPACE)

    def prepare(self) -> None:
        """What `apply` applies before anything runs: accounts, policies, the claim."""
        graph = Graph(self.project, {}, target={"kubernetes": self.settings})
        images = dict.fromkeys(("tasks", "serving", "tracking"), IMAGE)
        for obj in objects_of(graph, self.scope, Cluster.from_settings(self.settings), images):
            self.server.objects.apply(obj)

    def listed(self, kind: str) -> list[dict[str, Any]]:
        return self.server.objects.listed(kind, NAMESPACE)

    def reachable(self, url: str) -> str:
        """A Service's name is known in the cluster only, its address here too."""
        parts = urlsplit(url)
        name = (parts.hostname or "").partition(".")[0]
        address = self.server.objects.get("Service", NAMESPACE, name)["spec"]["clusterIP"]
        return urlunsplit(parts._replace(netloc=f"{address}:{parts.port}"))


@contextmanager
def yard_of(root: Path, folder: Path, project: str = "contract", **settings: Any) -> Iterator[Yard]:
    """A cluster with nothing in it but the project's namespace, reached through a kubeconfig of its own."""
    with ApiServer() as server, Node(server, folder / "node") as node, pytest.MonkeyPatch.context() as patch:
        node.haste = 5
        server.make_namespace(NAMESPACE, {"pod-security.kubernetes.io/enforce": "restricted"})
        patch.setenv("KUBECONFIG", str(server.kubeconfig(folder / "kubeconfig", NAMESPACE)))
        (root / ".modelyard").mkdir(exist_ok=True)
        claim = node.claims / NAMESPACE / f"{project}-default-store"
        claim.parent.mkdir(parents=True)
        claim.symlink_to(root / ".modelyard")
        os.chown(root / ".modelyard", 0, 10001)  # the group of pods, as `fsGroup` has it
        (root / ".modelyard").chmod(0o2775)
        node.build(IMAGE, root)
        images = dict.fromkeys(("tasks", "serving", "tracking"), IMAGE)
        given = {"namespace": NAMESPACE, "images": images, "store": {"size": 1 << 30}, **settings}
        yard = Yard(server, node, root, project, given)
        yard.prepare()
        before = os.umask(0o002)  # pods of another user write where this process makes folders
        try:
            yield yard
        finally:
            os.umask(before)
        assert not server.failures, server.failures[0]
