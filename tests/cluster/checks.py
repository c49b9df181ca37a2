"""What the API server refuses before it stores: wrong fields, bad names, changes to what cannot change, quotas."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cluster import schemas
from cluster.refusals import Refusal, invalid
from cluster.resources import Resource
from cluster.storage import Storage

Object = dict[str, Any]
_NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
_LABEL = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_WITHOUT_GENERATION = {
    "ConfigMap", "Secret", "Service", "ServiceAccount", "Namespace", "Node", "Lease", "Event", "Role", "RoleBinding",
    "ClusterRole", "ClusterRoleBinding", "PersistentVolumeClaim",
}  # fmt: skip
_IMMUTABLE: Mapping[str, tuple[str, ...]] = {
    "Job": ("selector", "template", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "successPolicy"),
    "Deployment": ("selector",), "ReplicaSet": ("selector",),
    "StatefulSet": ("selector", "serviceName", "volumeClaimTemplates", "podManagementPolicy"),
    "PersistentVolumeClaim": ("accessModes", "storageClassName", "volumeName"), "Service": ("clusterIP",),
}  # fmt: skip
_MOST_DATA = 1 << 20


def check_fields(resource: Resource, obj: Object, strict: bool) -> None:
    """Raises 422 for what is wrong, 400 for fields that no one knows where the client asked to be strict."""
    found = list(schemas.problems(schemas.schema_of(resource), obj))
    unknown = [message for _, message in found if message.startswith("unknown field")]
    if unknown and strict:
        raise Refusal(400, f"failed to create typed patch object or strict decoding error: {', '.join(unknown)}")
    wrong = [one for one in found if not one[1].startswith("unknown field")]
    wrong += list(_meaning(resource, obj))
    if wrong:
        raise invalid(resource.kind, resource.group, obj["metadata"].get("name", ""), wrong)


def _meaning(resource: Resource, obj: Object) -> Iterator[tuple[str, str]]:
    meta = obj["metadata"]
    name = meta.get("name", "")
    longest = (
        63
        if resource.kind in ("Service", "Job", "StatefulSet", "Namespace")
        else 52
        if resource.kind == "CronJob"
        else 253
    )
    if not _NAME.match(name) and resource.kind not in ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"):
        yield "metadata.name", f'Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case …'
    if len(name) > longest:
        yield "metadata.name", f'Invalid value: "{name}": must be no more than {longest} characters'
    for key, value in (meta.get("labels") or {}).items():
        if len(value) > 63 or not _LABEL.match(value):
            yield (
                "metadata.labels",
                f'Invalid value: "{value}": must be no more than 63 characters, of [A-Za-z0-9_.-] ({key})',
            )
    if resource.kind in ("ConfigMap", "Secret"):
        size = sum(
            len(key) + len(text) for part in ("data", "binaryData") for key, text in (obj.get(part) or {}).items()
        )
        if size > _MOST_DATA * (4 / 3 if resource.kind == "Secret" or obj.get("binaryData") else 1):
            yield "data", f"Too long: may not be more than {_MOST_DATA} bytes"
    template = ((obj.get("spec") or {}).get("template") or {}).get("metadata") or {}
    selector = (obj.get("spec") or {}).get("selector") or {}
    if resource.kind in ("Deployment", "StatefulSet") and isinstance(selector, Mapping):
        labels = template.get("labels") or {}
        if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
            yield "spec.template.metadata.labels", "Invalid value: `selector` does not match template `labels`"


def check_unchanged(resource: Resource, live: Object, new: Object) -> None:
    """Raises 422 where a field changes that cannot."""
    causes = []
    for field in _IMMUTABLE.get(resource.kind, ()):
        before, after = (obj.get("spec", {}).get(field) for obj in (live, new))
        if before is not None and before != after and not (resource.kind == "Job" and live["spec"].get("suspend")):
            causes.append((f"spec.{field}", "Invalid value: field is immutable"))
    if resource.kind in ("ConfigMap", "Secret") and live.get("immutable"):
        for field in ("data", "binaryData", "immutable"):
            if live.get(field) != new.get(field):
                causes.append((field, "Forbidden: field is immutable when `immutable` is set"))
    if resource.kind in ("RoleBinding", "ClusterRoleBinding") and live["roleRef"] != new["roleRef"]:
        causes.append(("roleRef", "Invalid value: cannot change roleRef"))
    if causes:
        raise invalid(resource.kind, resource.group, live["metadata"]["name"], causes)


def check_namespace(storage: Storage, namespaces: Resource, name: str, what: str) -> None:
    """Nothing is made in a namespace that is not there, nor in one that is being deleted."""
    space = storage.get(namespaces, "", name)
    if space["metadata"].get("deletionTimestamp"):
        text = f"{what} is forbidden: unable to create new content in namespace {name} because it is being terminated"
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {name} is being terminated",
            "field": "metadata.namespace",
        }
        raise Refusal(403, text, details={"causes": [cause]})


def check_quota(storage: Storage, quotas: Resource, resource: Resource, obj: Object) -> None:
    """Raises 403 where a quota counts objects (`count/jobs.batch`, `pods`, …) and there are as many already."""
    namespace = obj["metadata"].get("namespace", "")
    name = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
    for quota in storage.listed(quotas, namespace)[0] if namespace else ():
        for key in (f"count/{name}", resource.plural):
            hard = (quota["spec"].get("hard") or {}).get(key)
            if hard is None:
                continue
            used = len(storage.listed(resource, namespace)[0])
            if used + 1 > int(hard):
                text = (
                    f'{name} "{obj["metadata"]["name"]}" is forbidden: exceeded quota: {quota["metadata"]["name"]}, '
                    f"requested: {key}=1, used: {key}={used}, limited: {key}={hard}"
                )
                raise Refusal(403, text, details={"name": obj["metadata"]["name"], "kind": resource.plural})


def has_generation(resource: Resource) -> bool:
    return resource.kind not in _WITHOUT_GENERATION
