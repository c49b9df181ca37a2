"""The tracking server, where no URL names one: a StatefulSet with a volume for the records."""

from dataclasses import replace
from typing import Any

from modelyard.graph.model import Graph, Node
from modelyard.secrets import references
from modelyard.targets.kubernetes.manifests.documents import STATE
from modelyard.targets.kubernetes.manifests.networks import add_service_network, from_own
from modelyard.targets.kubernetes.manifests.pods import asked, listening, service_pod
from modelyard.targets.kubernetes.manifests.sheet import Sheet, head_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.quantities import size
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.targets.ports import PORTS
from modelyard.targets.probing import PROBES
from modelyard.task import TaskDocument

PORT = PORTS["tracking"]
_WRITERS = ("task", "runner", "monitor")


def add_tracking(sheet: Sheet, node: Node, document: TaskDocument, graph: Graph, cluster: Cluster, image: str) -> None:
    scope, name = sheet.scope, sheet.scope.name(node.address)
    head = head_of(scope, node, document.fingerprint)
    hosts = {"name": "MLFLOW_SERVER_ALLOWED_HOSTS", "value": ",".join(_hosts(scope, name))}
    backend = {"name": "MODELYARD_BACKEND", "value": f"sqlite:///{STATE}/mlflow.db"}
    pod = service_pod(
        sheet,
        node,
        document,
        cluster,
        image=image,
        head=head,
        container="mlflow",
        account="services",
        secrets=references([node.config, document.tracking]),
        env=[hosts, backend],
        ports=listening(PORT),
        probes=_probes(),
        keeps=False,
    )
    records = {"name": "records", "mountPath": STATE}
    pod = replace(pod, mounts=[*pod.mounts, records])
    volume = cluster.tracking
    sheet.add(
        "StatefulSet",
        name,
        head,
        service=name,
        selector=scope.match(node.address),
        size=size(volume.size),
        storage_class=volume.storage_class,
        pod=pod,
    )
    sheet.add("Service", name, head, selector=scope.match(node.address), port=PORT, headless=True)
    add_service_network(sheet, node, graph, cluster, [from_own(scope, PORT, _WRITERS)])


def _hosts(scope: Scope, name: str) -> list[str]:
    """MLflow answers only to names that it is told, against DNS rebinding; its default is local addresses."""
    full = f"{name}.{scope.namespace}"
    names = [name, full, f"{full}.svc", f"{full}.svc.cluster.local", "localhost", "127.0.0.1"]
    return [*names, *(f"{one}:*" for one in names)]


def _probes() -> dict[str, dict[str, Any]]:
    probe = asked(PROBES["tracking"])
    return {
        "startupProbe": {**probe, "periodSeconds": 3, "failureThreshold": 100},
        "readinessProbe": {**probe, "periodSeconds": 10, "failureThreshold": 3},
        "livenessProbe": {**probe, "periodSeconds": 10, "failureThreshold": 6},
    }
