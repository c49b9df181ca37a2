"""What the API server adds to an object when it is made."""

from typing import TYPE_CHECKING, Any

from cluster.refusals import Refusal

if TYPE_CHECKING:
    from cluster.objects import Objects

Object = dict[str, Any]


def complete(objects: "Objects", new: Object) -> None:
    """Fill in what the server alone knows: a Job's selector, a Service's address, a pod's token."""
    spec, uid = new.get("spec") or {}, new["metadata"]["uid"]
    if new["kind"] == "Job":
        labels = spec.setdefault("template", {}).setdefault("metadata", {}).setdefault("labels", {})
        mine = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": new["metadata"]["name"]}
        labels |= {**mine, "controller-uid": uid, "job-name": new["metadata"]["name"]}
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    if new["kind"] == "Pod":
        _give_token(objects, new)
    if new["kind"] == "Service" and spec.get("clusterIP") is None and spec.get("type") != "ExternalName":
        objects.addresses += 1
        address = f"{objects.subnet}.{objects.addresses}"
        spec |= {"clusterIP": address, "clusterIPs": [address]}
    if new["kind"] == "Service" and spec.get("clusterIP") == "None":
        spec.setdefault("clusterIPs", ["None"])


def _give_token(objects: "Objects", pod: Object) -> None:
    """As the ServiceAccount admission does, unless the pod or its account declines."""
    spec, namespace = pod["spec"], pod["metadata"]["namespace"]
    spec.setdefault("serviceAccountName", "default")
    try:
        account = objects.storage.get(
            objects.resources.of_kind("ServiceAccount"), namespace, spec["serviceAccountName"]
        )
    except Refusal:
        account_name = spec["serviceAccountName"]
        text = f'error looking up service account {namespace}/{account_name}: serviceaccount "{account_name}" not found'
        raise Refusal(403, f'pods "{pod["metadata"]["name"]}" is forbidden: {text}') from None
    if not spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True)):
        return
    token = {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}
    authority = {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
    field = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources = [token, authority, {"downwardAPI": {"items": [field]}}]
    spec.setdefault("volumes", []).append({"name": "kube-api-access", "projected": {"sources": sources}})
    mount = {
        "name": "kube-api-access",
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        "readOnly": True,
    }
    for container in [*(spec.get("initContainers") or ()), *spec["containers"]]:
        container.setdefault("volumeMounts", []).append(mount)
