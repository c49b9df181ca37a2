"""A pod, decided whole: what `parts.j2` lays out, in the way that Pod Security `restricted` wants it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.graph.model import Node, Resources
from modelyard.secrets import references
from modelyard.targets.kubernetes.gpus import pod_resources
from modelyard.targets.kubernetes.manifests.documents import DOCUMENT, FOLDER, ROOT, STATE, add_document
from modelyard.targets.kubernetes.manifests.secrets import plain_variables, secret_variables
from modelyard.targets.kubernetes.manifests.sheet import Head, Sheet
from modelyard.targets.kubernetes.names import PREFIX, Scope
from modelyard.targets.kubernetes.settings import Cluster, Volume
from modelyard.task import TaskDocument

Part = Mapping[str, Any]
RUNTIME = ("python", "-m", "modelyard.runtime")
GRACE = 30
"""Seconds from SIGTERM to SIGKILL."""
SHARES = PREFIX + "shares"
_SAME_NODE = "kubernetes.io/hostname"
_BASE = {"HOME": "/tmp", "TMPDIR": "/tmp", "XDG_CACHE_HOME": "/tmp/.cache"}  # noqa: S108 - the pod's own


@dataclass(frozen=True)
class Pod:
    """`drain` seconds pass between a pod's leaving the Service and its SIGTERM; `token` mounts the account's.

    `heeds`: the pause container is the first of its processes, as the kernel keeps a signal that is not handled yet
    from process 1: one that is asked to end in the second of its start would run on until its grace is over.
    """

    container: str
    image: str
    account: str
    args: Sequence[str]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    resources: Part
    env: Sequence[Part]
    mounts: Sequence[Part]
    volumes: Sequence[Part]
    command: Sequence[str] = RUNTIME
    workdir: str = ROOT
    restart: str = "Always"
    grace: int = GRACE
    token: bool = False
    heeds: bool = False
    drain: int = 0
    ports: Sequence[Part] = ()
    probes: Mapping[str, Part] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Sequence[Part] = ()
    affinity: Mapping[str, Any] = field(default_factory=dict)
    spread: Sequence[Part] = ()
    pull_secrets: Sequence[Part] = ()
    priority_class: str | None = None


def pod_of(
    scope: Scope,
    cluster: Cluster,
    settings: Mapping[str, Any],
    *,
    container: str,
    image: str,
    account: str,
    configmap: str,
    head: Head,
    resources: Resources = Resources(),  # noqa: B008 - frozen
    secrets: Iterable[str] = (),
    env: Sequence[Part] = (),
    task: bool = False,
    keeps: bool = True,
    affinity: Mapping[str, Any] | None = None,
    **more: Any,
) -> Pod:
    """`keeps`: its `.modelyard` is the project's, on the shared claim where there is one; else the caller mounts it."""
    room = pod_resources(resources, cluster, task=task)
    claim = cluster.store if keeps else None
    variables = [
        *({"name": name, "value": value} for name, value in _BASE.items()),
        *room.env,
        *plain_variables(_env(cluster, keeps), scope, settings),
        *secret_variables(secrets, scope, settings),
        {"name": "MODELYARD_DETACHED", "value": "1"},
        {"name": "MODELYARD_HOST", "value": "0.0.0.0"},  # noqa: S104 - all of the pod, and nothing else
        *env,
    ]
    volumes: list[Part] = [{"name": "tmp", "emptyDir": {}}, _document(configmap), *room.volumes]
    mounts: list[Part] = [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
        {"name": "document", "mountPath": FOLDER, "readOnly": True},
        *room.mounts,
    ]
    if keeps:
        store = {"persistentVolumeClaim": {"claimName": scope.shared("store")}} if claim else {"emptyDir": {}}
        volumes.append({"name": "project", **store})
        mounts.append({"name": "project", "mountPath": STATE})
    return Pod(
        container=container,
        image=image,
        account=scope.shared(account),
        labels={**head.labels, **({SHARES: "store"} if claim else {})},
        annotations=head.annotations,
        resources=room.resources,
        env=list({one["name"]: one for one in variables}.values()),
        volumes=volumes,
        mounts=mounts,
        node_selector=room.node_selector,
        tolerations=room.tolerations,
        affinity={**_together(scope, claim), **(affinity or {})},
        pull_secrets=[{"name": name} for name in cluster.pull_secrets],
        priority_class=cluster.priority_class,
        **more,
    )


def service_pod(
    sheet: Sheet, node: Node, document: TaskDocument, cluster: Cluster, *, image: str, head: Head, **more: Any
) -> Pod:
    """The pod of a service, with the ConfigMap that tells it its document."""
    return pod_of(
        sheet.scope,
        cluster,
        document.settings,
        image=image,
        head=head,
        configmap=add_document(sheet, node, document),
        args=[DOCUMENT],
        resources=node.resources,
        **more,
    )


def listening(port: int) -> list[Part]:
    """The container's `ports`, by the name that Services and probes use."""
    return [{"name": "http", "containerPort": port, "protocol": "TCP"}]


def asked(path: str | None) -> dict[str, Any]:
    """Of a probe: asked over HTTP where there is a path, else by whether it listens."""
    how = {"httpGet": {"path": path, "port": "http", "scheme": "HTTP"}} if path else {"tcpSocket": {"port": "http"}}
    return {**how, "timeoutSeconds": 5, "successThreshold": 1}


def field_variable(name: str, path: str) -> Part:
    """What a pod knows of itself."""
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _document(configmap: str) -> Part:
    return {"name": "document", "configMap": {"name": configmap, "defaultMode": 0o444}}


def _together(scope: Scope, claim: Volume | None) -> dict[str, Any]:
    """A volume of one node keeps all who share it there: without this the second of them would wait for it for ever."""
    if claim is None or claim.access != "ReadWriteOnce":
        return {}
    term = {
        "topologyKey": _SAME_NODE,
        "labelSelector": {"matchLabels": {**scope.own_labels, SHARES: "store"}},
    }
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def _env(cluster: Cluster, keeps: bool) -> dict[str, str]:
    """Secrets of the store are for those who read it."""
    return {name: value for name, value in cluster.env.items() if keeps or not references(value)}
