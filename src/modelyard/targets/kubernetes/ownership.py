"""What is ours in a cluster, and what is not although it has the name that ours would have."""

from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.kinds import Object, kind_of, name_of, title_of
from modelyard.targets.kubernetes.names import MANAGED_BY, OWNER, Scope


def refuse_foreign(scope: Scope, found: Object) -> None:
    """Raise ModelyardError, code `not-ours`, where an object in the cluster is somebody else's."""
    if scope.owns(found["metadata"]):
        return
    raise ModelyardError(
        f"{title_of(found)} in namespace {scope.namespace} belongs to {_owner(found)}",
        fix="give this project another `project` or environment name or another `namespace`, or delete that object",
        code="not-ours",
    )


def refuse_taken(api: Api, scope: Scope, wanted: Object) -> None:
    """The same, of an object that is about to be made: asked of the cluster by its name."""
    if found := api.get(kind_of(wanted), name_of(wanted)):
        refuse_foreign(scope, found)


def _owner(obj: Object) -> str:
    meta = obj["metadata"]
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    if owner := annotations.get(OWNER):
        return f"Modelyard's project {owner}"
    if release := annotations.get("meta.helm.sh/release-name"):
        return f"Helm's release {release}"
    managers = [entry.get("manager") for entry in meta.get("managedFields") or ()]
    by = labels.get(MANAGED_BY) or next((manager for manager in managers if manager), None)
    return f"somebody else ({by} made it)" if by else "somebody else"
