"""What the API server fills in where an object says nothing. A field filled in belongs to no manager of an apply."""

from collections.abc import Callable, Mapping
from typing import Any

Object = dict[str, Any]


def with_defaults(obj: Object) -> None:
    """Fill in, in place."""
    if fill := _BY_KIND.get(obj["kind"]):
        fill(obj)


def _set(place: Object, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        place.setdefault(key, value)


def _pod_spec(spec: Object, restart: str = "Always") -> None:
    _set(spec, {
        "restartPolicy": restart, "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
        "securityContext": {}, "schedulerName": "default-scheduler",
    })  # fmt: skip
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        _container(container)
    for volume in spec.get("volumes") or ():
        for kind in ("configMap", "secret", "projected"):
            if volume.get(kind) is not None:
                volume[kind].setdefault("defaultMode", 0o644)


def _container(container: Object) -> None:
    image = str(container.get("image", ""))
    latest = "@" not in image and (image.endswith(":latest") or ":" not in image.rpartition("/")[2])
    _set(container, {
        "imagePullPolicy": "Always" if latest else "IfNotPresent", "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File", "resources": {},
    })  # fmt: skip
    resources = container["resources"]
    for name, amount in (resources.get("limits") or {}).items():
        resources.setdefault("requests", {}).setdefault(name, amount)
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for variable in container.get("env") or ():
        if field := (variable.get("valueFrom") or {}).get("fieldRef"):
            field.setdefault("apiVersion", "v1")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe := container.get(name):
            _set(probe, {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3})
            if http := probe.get("httpGet"):
                _set(http, {"path": "/", "scheme": "HTTP"})


def _pod(obj: Object) -> None:
    _pod_spec(obj["spec"])
    _set(obj["spec"], {"enableServiceLinks": True, "preemptionPolicy": "PreemptLowerPriority", "priority": 0})


def _job_spec(spec: Object) -> None:
    _set(spec, {
        "backoffLimit": 6, "completionMode": "NonIndexed", "suspend": False, "parallelism": 1, "manualSelector": False,
        "podReplacementPolicy": "TerminatingOrFailed",
    })  # fmt: skip
    if "completions" not in spec:
        spec["completions"] = spec["parallelism"]
    if spec.get("podFailurePolicy"):
        spec["podReplacementPolicy"] = "Failed"
        for rule in spec["podFailurePolicy"].get("rules") or ():
            for condition in rule.get("onPodConditions") or ():
                condition.setdefault("status", "True")
    _template(spec)


def _template(spec: Object) -> None:
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    _pod_spec(template.setdefault("spec", {}))


def _deployment(obj: Object) -> None:
    spec = obj["spec"]
    _set(spec, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600})
    strategy = spec.setdefault("strategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(strategy.setdefault("rollingUpdate", {}), {"maxSurge": "25%", "maxUnavailable": "25%"})
    _template(spec)


def _stateful_set(obj: Object) -> None:
    spec = obj["spec"]
    _set(spec, {"replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady", "serviceName": ""})
    _set(spec.setdefault("updateStrategy", {}), {"type": "RollingUpdate"})
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        _set(spec["updateStrategy"].setdefault("rollingUpdate", {}), {"partition": 0})
    _set(spec.setdefault("persistentVolumeClaimRetentionPolicy", {}), {"whenDeleted": "Retain", "whenScaled": "Retain"})
    for claim in spec.get("volumeClaimTemplates") or ():
        _set(claim, {"apiVersion": "v1", "kind": "PersistentVolumeClaim"})
        claim["spec"].setdefault("volumeMode", "Filesystem")
    _template(spec)


def _cron_job(obj: Object) -> None:
    spec = obj["spec"]
    _set(spec, {
        "concurrencyPolicy": "Allow", "suspend": False, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
    })  # fmt: skip
    _template(spec["jobTemplate"]["spec"])


def _service(obj: Object) -> None:
    spec = obj["spec"]
    kind = spec.setdefault("type", "ClusterIP")
    _set(spec, {"sessionAffinity": "None"})
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port["port"])
    if kind != "ExternalName":
        _set(spec, {"internalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"})


def _claim(obj: Object) -> None:
    obj["spec"].setdefault("volumeMode", "Filesystem")


def _scaler(obj: Object) -> None:
    obj["spec"].setdefault("minReplicas", 1)
    usual = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    obj["spec"].setdefault("metrics", [{"type": "Resource", "resource": usual}])
    for way, rules in (obj["spec"].get("behavior") or {}).items():
        if way == "scaleDown":
            _set(rules, {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]})
        else:
            both = [
                {"type": "Pods", "value": 4, "periodSeconds": 15},
                {"type": "Percent", "value": 100, "periodSeconds": 15},
            ]
            _set(rules, {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": both})


def _network_policy(obj: Object) -> None:
    spec = obj["spec"]
    if "policyTypes" not in spec:
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    for rule in [*(spec.get("ingress") or ()), *(spec.get("egress") or ())]:
        for port in rule.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _secret(obj: Object) -> None:
    from base64 import b64encode

    obj.setdefault("type", "Opaque")
    for key, text in (obj.pop("stringData", None) or {}).items():
        obj.setdefault("data", {})[key] = b64encode(str(text).encode()).decode()


def _namespace(obj: Object) -> None:
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj["metadata"].setdefault("labels", {}).setdefault("kubernetes.io/metadata.name", obj["metadata"]["name"])
    obj.setdefault("status", {}).setdefault("phase", "Active")


def _role_binding(obj: Object) -> None:
    obj["roleRef"].setdefault("apiGroup", "rbac.authorization.k8s.io")
    for subject in obj.get("subjects") or ():
        if subject["kind"] in ("User", "Group"):
            subject.setdefault("apiGroup", "rbac.authorization.k8s.io")


_BY_KIND: Mapping[str, Callable[[Object], None]] = {
    "Pod": _pod, "Job": lambda obj: _job_spec(obj["spec"]), "Deployment": _deployment, "StatefulSet": _stateful_set,
    "CronJob": _cron_job, "Service": _service, "PersistentVolumeClaim": _claim, "HorizontalPodAutoscaler": _scaler,
    "NetworkPolicy": _network_policy, "Secret": _secret, "Namespace": _namespace, "RoleBinding": _role_binding,
    "ClusterRoleBinding": _role_binding,
}  # fmt: skip
