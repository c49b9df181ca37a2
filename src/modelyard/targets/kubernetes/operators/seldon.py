"""Seldon Core 1: an endpoint as a SeldonDeployment of our own server, which makes a Deployment of it.

Without Seldon's engine before it (`seldon.io/no-engine`): our server speaks the Open Inference Protocol by itself, and
each pod has the one container whose rights we know. Our Service, NetworkPolicy and route stay as they are.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.kinds import DEPLOYMENT, Object, kind_of, name_of
from modelyard.targets.kubernetes.operators.layout import lay_out

_AUTOSCALER = "HorizontalPodAutoscaler"
_PORT = "http"  # the name by which Seldon finds the port; without it, it would give the container one of its own

RULES = (
    {
        "apiGroups": ["machinelearning.seldon.io"],
        "resources": ["seldondeployments"],
        "verbs": ["get", "list", "watch"],
    },
)


def seldon_deployment(objects: Sequence[Object]) -> list[Object]:
    """The objects of an endpoint with a SeldonDeployment in place of its Deployment and its autoscaler."""
    scaler = next((one for one in objects if one["kind"] == _AUTOSCALER), None)
    kept = [one for one in objects if one is not scaler]
    return [_server(one, scaler) if kind_of(one) == DEPLOYMENT else one for one in kept]


def _server(deployment: Object, scaler: Object | None) -> Object:
    spec, metadata = deployment["spec"], deployment["metadata"]
    template = deepcopy(spec["template"])
    _in_older_words(template["spec"])
    container = template["spec"]["containers"][0]
    for port in container["ports"][:1]:
        port["name"] = _PORT
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if "httpGet" in container.get(probe, {}):
            container[probe]["httpGet"]["port"] = _PORT
    return lay_out(
        "seldondeployment",
        name=name_of(deployment),
        metadata=metadata,
        # Seldon gives the pods' labels and annotations to its Deployment too: by them it is known as ours.
        pod_metadata={
            "labels": template["metadata"].get("labels", {}),
            "annotations": {**metadata.get("annotations", {}), **template["metadata"].get("annotations", {})},
        },
        replicas=spec.get("replicas", 1),
        scaling=_scaling(scaler["spec"]) if scaler else None,
        container=container["name"],
        port=container["ports"][0]["containerPort"],
        pod=template["spec"],
    )


def _in_older_words(pod: Object) -> None:
    """Seldon's definition holds a pod as Kubernetes 1.25 had it, and refuses what came later."""
    for spread in pod.get("topologySpreadConstraints", ()):
        spread.pop("matchLabelKeys", None)
    for container in pod["containers"]:
        stop = container.get("lifecycle", {}).get("preStop", {})
        if seconds := stop.pop("sleep", {}).get("seconds"):
            stop["exec"] = {"command": ["sleep", str(seconds)]}


def _scaling(spec: Mapping[str, Any]) -> Object:
    metrics = [_metric(one) for one in spec["metrics"]]
    return {"minReplicas": spec["minReplicas"], "maxReplicas": spec["maxReplicas"], "metrics": metrics}


def _metric(metric: Mapping[str, Any]) -> Object:
    """As autoscaling/v2beta1 had it, which Seldon's own definition still does."""
    if metric["type"] == "Resource":
        one = metric["resource"]
        return {
            "type": "Resource",
            "resource": {"name": one["name"], "targetAverageUtilization": one["target"]["averageUtilization"]},
        }
    if metric["type"] == "Pods":
        one = metric["pods"]
        return {
            "type": "Pods",
            "pods": {"metricName": one["metric"]["name"], "targetAverageValue": one["target"]["averageValue"]},
        }
    raise ModelyardError(f"Seldon cannot scale by a metric of type {metric['type']}", code="seldon-metric")
