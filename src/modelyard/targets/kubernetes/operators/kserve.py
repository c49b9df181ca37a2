"""KServe: an endpoint as an InferenceService of our own server, in its Standard mode, which makes a Deployment of it.

Our Service, NetworkPolicy, PodDisruptionBudget, HorizontalPodAutoscaler and route stay as they are: KServe gives its
pods the labels that these select by. It is told to leave the number of pods to the autoscaler that is there.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from modelyard.graph.model import Node
from modelyard.targets.kubernetes.kinds import DEPLOYMENT, Object, kind_of, name_of
from modelyard.targets.kubernetes.operators.layout import lay_out

_CONTAINER = "kserve-container"
_MODE = "serving.kserve.io/deploymentMode"
_SCALER = "serving.kserve.io/autoscalerClass"
_AUTOSCALER = "HorizontalPodAutoscaler"

RULES = ({"apiGroups": ["serving.kserve.io"], "resources": ["inferenceservices"], "verbs": ["get", "list", "watch"]},)


def inference_service(objects: Sequence[Object], node: Node) -> list[Object]:
    """The objects of an endpoint with an InferenceService in place of its Deployment."""
    scaled = any(one["kind"] == _AUTOSCALER for one in objects)
    return [_service(one, node, scaled) if kind_of(one) == DEPLOYMENT else _aimed(one, objects) for one in objects]


def deployment_name(name: str) -> str:
    """The Deployment that KServe makes of an InferenceService."""
    return f"{name}-predictor"


def _service(deployment: Object, node: Node, scaled: bool) -> Object:
    spec, metadata = deployment["spec"], deployment["metadata"]
    template = deepcopy(spec["template"])
    pod = template["spec"]
    container = pod["containers"][0]
    container["name"] = _CONTAINER
    container["env"] = [*container.get("env", ()), {"name": "PROTOCOL", "value": "v2"}]
    return lay_out(
        "inferenceservice",
        name=server_name(name_of(deployment)),
        namespace=metadata["namespace"],
        labels=metadata["labels"],
        annotations={
            **metadata.get("annotations", {}), _MODE: "Standard", _SCALER: "external" if scaled else "none",
        },
        template=template["metadata"],
        replicas=node.config.get("replicas") or {},
        strategy=spec.get("strategy"),
        pod=pod,
    )  # fmt: skip


def server_name(name: str) -> str:
    """Not the Service's own: KServe makes one of the InferenceService's name, which would be ours."""
    return f"{name}-server"


def _aimed(one: Object, objects: Sequence[Object]) -> Object:
    """An autoscaler, at the Deployment that KServe makes."""
    if one["kind"] != _AUTOSCALER:
        return one
    made = deepcopy(one)
    target: Mapping[str, Any] = made["spec"]["scaleTargetRef"]
    made["spec"]["scaleTargetRef"] = {**target, "name": deployment_name(server_name(target["name"]))}
    return made
