"""The Kubernetes target holds what every target holds, on a cluster whose pods really run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kube_yard import NAMESPACE, Yard, yard_of

from contract.on_this_machine import OnThisMachine
from contract.target_contract import ServiceCase
from documents import task_document
from modelyard.graph.model import Node
from modelyard.targets.kubernetes.target import KubernetesTarget
from modelyard.task import TaskDocument

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


class TestKubernetesTarget(OnThisMachine):
    yard: Yard

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def cluster(cls, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
        with yard_of(root, tmp_path_factory.mktemp("cluster")) as yard:
            cls.yard = TestKubernetesTarget.yard = yard
            yield yard

    def open(self, root: Path) -> KubernetesTarget:
        return self.yard.target()

    def reachable(self, url: str) -> str:
        return self.yard.reachable(url)

    def document(self, root: Path, node: Node, **changes: Any) -> TaskDocument:
        """A secret that the case keeps in a file is in the cluster as a Secret, which somebody made before."""
        document = task_document(root, node, **{"project": "contract", **changes})
        for name, source in (document.settings.get("secrets") or {}).items():
            if "file" in source:
                text = Path(source["file"]).read_text().strip()
                meta = {"name": "contract-default-secrets", "namespace": NAMESPACE}
                secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {name: text}}
                self.yard.server.objects.apply(secret)
        return document

    def test_a_taken_port_is_said_so(self, service: ServiceCase) -> None:
        """Each pod has all ports: what is taken on a machine is nothing to a cluster."""
        with self.listening(service.port):
            assert service.deploy("v1").status == "ready"
