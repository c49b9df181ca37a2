"""KServe in its Knative mode: the endpoint of a rollout, whose revisions Knative keeps and shares requests among.

Only there does KServe honour `canaryTrafficPercent`: its Standard mode leaves it unread. Requests go through Knative's
gateway and its queue-proxy, so the endpoint has no Service, autoscaler or route of ours beside it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from math import ceil
from typing import Any

from modelyard.graph.model import Graph, Node
from modelyard.targets.kubernetes.kinds import DEPLOYMENT, Kind, Object, kind_of, name_of
from modelyard.targets.kubernetes.names import PREFIX, Scope
from modelyard.targets.kubernetes.operators.layout import lay_out

INFERENCE_SERVICE = Kind("serving.kserve.io/v1beta1", "InferenceService")
VERSION = PREFIX + "model-version"
MODE = "serving.kserve.io/deploymentMode"
KNATIVE = "Knative"
PERCENT = "canaryTrafficPercent"
TOLD = "MODELYARD_VERSION"
"""The variable that names the version: a server that has it follows no stage."""
ROUTED: Mapping[str, Any] = {"ports": [{"protocol": "TCP", "port": port} for port in (8012, 8013, 8112, 9090)]}
"""Of a NetworkPolicy: Knative's gateway, whose namespace depends on what it is, its activator and its autoscaler."""

_CONTAINER = "kserve-container"
_UNNEEDED = ("Service", "HorizontalPodAutoscaler", "Ingress", "HTTPRoute")
_MADE_BY_RUN = ("ConfigMap", INFERENCE_SERVICE.name)
_LONGEST = 42
"""A revision, `NAME-live-predictor-00001`, is the value of a label: 63 characters."""
_START = 300
_OF_POD = (
    "serviceAccountName", "automountServiceAccountToken", "volumes", "imagePullSecrets", "enableServiceLinks",
    "nodeSelector", "tolerations",
)  # fmt: skip
_OF_CONTAINER = ("runAsNonRoot", "runAsUser", "runAsGroup", "seccompProfile")


def rolls_out(node: Node) -> bool:
    return node.kind == "serve" and bool(node.config.get("rollout"))


def made_by_run(obj: Object) -> bool:
    """Of the objects of an endpoint that rolls out: those that begin with a version, which no apply knows."""
    return obj["kind"] in _MADE_BY_RUN


def live_name(name: str) -> str:
    """Of the InferenceService. KServe never lets one change its mode, so it is not that of the Standard mode."""
    cut = name
    if len(name) > _LONGEST:
        cut = f"{name[: _LONGEST - 9].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"{cut}-live"


def rules(graph: Graph, scope: Scope) -> list[Mapping[str, Any]]:
    """What the run needs beside looking: it makes and changes the InferenceServices that roll out, and no others."""
    names = [live_name(scope.name(node.address)) for node in graph.nodes.values() if rolls_out(node)]
    if not names:
        return []
    kind = {"apiGroups": [INFERENCE_SERVICE.group], "resources": ["inferenceservices"]}
    return [{**kind, "verbs": ["create"]}, {**kind, "verbs": ["delete", "patch"], "names": sorted(names)}]


def rolling_service(objects: Sequence[Object], node: Node) -> list[Object]:
    """The objects of an endpoint with such an InferenceService in place of its Deployment. It names no version yet."""
    kept = [one for one in objects if one["kind"] not in _UNNEEDED]
    return [_service(one, node) if kind_of(one) == DEPLOYMENT else one for one in kept]


def of_version(service: Object, version: str) -> Object:
    """An InferenceService whose servers answer with one version, whatever is promoted meanwhile."""
    made = deepcopy(service)
    annotations = made["metadata"].setdefault("annotations", {})
    annotations[VERSION] = version
    container = made["spec"]["predictor"]["containers"][0]
    others = [one for one in container.get("env", ()) if one["name"] != TOLD]
    container["env"] = [*others, {"name": TOLD, "value": version}]
    return made


def with_percent(service: Object, percent: int | None) -> Object:
    """Its newest revision gets this share of the requests; None: all of them."""
    predictor = {key: value for key, value in service["spec"]["predictor"].items() if key != PERCENT}
    share = {} if percent is None else {PERCENT: percent}
    return {**service, "spec": {**service["spec"], "predictor": {**predictor, **share}}}


def percent_of(service: Object) -> int | None:
    found = service["spec"]["predictor"].get(PERCENT)
    return None if found is None else int(found)


def _service(deployment: Object, node: Node) -> Object:
    metadata, template = deployment["metadata"], deployment["spec"]["template"]
    replicas = node.config.get("replicas") or {}
    wanted = replicas.get("requests_per_second")
    scaling = {"scaleMetric": "rps", "scaleTarget": ceil(wanted)} if wanted else {}
    return lay_out(
        "inferenceservice",
        name=live_name(name_of(deployment)),
        namespace=metadata["namespace"],
        labels=metadata["labels"],
        annotations={**metadata.get("annotations", {}), MODE: KNATIVE},
        template=template["metadata"],
        replicas=replicas,
        strategy=None,
        pod={**scaling, **_pod(template["spec"])},
    )


def _pod(pod: Object) -> Object:
    """As far as Knative takes one: who schedules, restarts and drains it is Knative.

    https://github.com/knative/serving/blob/main/pkg/apis/serving/fieldmask.go
    """
    security = pod.get("securityContext") or {}
    container = deepcopy(pod["containers"][0])
    port = container["ports"][0]["containerPort"]
    for name in ("lifecycle", "startupProbe"):
        container.pop(name, None)
    for name in ("readinessProbe", "livenessProbe"):
        if name in container:
            container[name]["httpGet"]["port"] = port
    if "livenessProbe" in container:
        container["livenessProbe"]["initialDelaySeconds"] = _START
    container |= {
        "name": _CONTAINER,
        "ports": [{"containerPort": port, "name": "http1", "protocol": "TCP"}],
        "env": _variables(container.get("env", ())),
        "securityContext": {
            **{name: security[name] for name in _OF_CONTAINER if name in security},
            **(container.get("securityContext") or {}),
        },
    }
    # A volume of one node is the one reason for which a pod cannot be anywhere.
    together = (pod.get("affinity") or {}).get("podAffinity")
    affinity = {"affinity": {"podAffinity": together}} if together else {}
    return {**{name: pod[name] for name in _OF_POD if pod.get(name) not in (None, [], {})}, **affinity,
            "containers": [container]}  # fmt: skip


def _variables(env: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Knative tells a container nothing of its pod, but it has its name for a host's."""
    plain = [one for one in env if "fieldRef" not in one.get("valueFrom", {})]
    return [*plain, {"name": "MODELYARD_REPLICA", "value": "$HOSTNAME"}, {"name": "PROTOCOL", "value": "v2"}]
