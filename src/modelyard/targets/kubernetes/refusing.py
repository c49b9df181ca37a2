"""What an API server refuses, read from its Status object: one line for each of the ways in which clusters say no."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelyard.targets.kubernetes.api_errors import GOES_ON, Asked, FieldConflict, Owned, Refusal
from modelyard.wording import on_one_line

_FORBIDDEN = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)
_WEBHOOK = re.compile(
    r'admission webhook "(?P<name>[^"]+)" denied the request(?: without explanation)?:?\s*(?P<why>.*)', re.S
)
_POLICY = re.compile(r"ValidatingAdmissionPolicy '(?P<name>[^']+)'.*? denied request: (?P<why>.*)", re.S)
_WEBHOOK_GONE = re.compile(r'failed calling webhook "(?P<name>[^"]+)"')
_QUOTA = re.compile(r"exceeded quota: (?P<name>[^,]+), (?P<why>.*)", re.S)
_QUOTA_ASKS = re.compile(r"failed quota: (?P<name>[^:]+): (?P<why>must specify .*)", re.S)
_LIMITS = re.compile(r"(?P<why>(?:maximum|minimum) \S+ usage per .*)", re.S)
_PSS = re.compile(r'violates PodSecurity "(?P<level>[^"]+)": (?P<why>.*)', re.S)
_IMMUTABLE = re.compile(r"immutable|updates to statefulset spec|cannot change roleRef")
_CONFLICT = re.compile(
    r'conflict with "(?P<manager>[^"]*)"(?: with subresource "(?P<subresource>[^"]*)")?'
    r"(?P<update> using \S+(?: at (?P<at>\S+))?)?"
)


def refusal(status: int, body: Mapping[str, Any], asked: Asked) -> Refusal:
    """The one line for an answer of 4xx or 5xx. `body` is its Status object, or empty where it is none."""
    said = str(body.get("message") or "").strip()
    reason = str(body.get("reason") or "")
    causes = [cause for cause in ((body.get("details") or {}).get("causes") or ()) if isinstance(cause, dict)]
    for reads in _READERS:
        if found := reads(status, said, causes, asked):
            found.status, found.reason = status, reason
            return found
    words = on_one_line(said or f"HTTP {status}", 300)
    if status >= 500 or status == 429:
        return Refusal(
            f"{asked.cluster} is not well: {words}", status=status, reason=reason, code="cluster-not-well",
            fix=f"wait until its control plane answers (`kubectl get --raw /readyz?verbose`), {GOES_ON}",
        )  # fmt: skip
    code, fix = _CODES.get(status, ("refused", f"do what it says, {GOES_ON}"))
    what = f"{asked.title}: {asked.cluster} refuses to {asked.verb} it: {words}"
    return Refusal(what, status=status, reason=reason, code=code, fix=fix)


_CODES = {
    404: ("not-found", "apply again: it makes what is missing"),
    409: ("modified", "somebody writes it at the same time: apply again"),
    410: ("expired", "do the same again"),
    422: ("invalid", "check what it names in the spec"),
}


def _no_login(status: int, said: str, causes: Sequence[Any], asked: Asked) -> Refusal | None:
    anonymous = status == 403 and 'User "system:anonymous"' in said
    if status != 401 and not anonymous:
        return None
    return _refusal(
        f"{asked.cluster} does not accept this login: its token has expired, or there is none", "expired-token",
        f"log in anew until `kubectl auth whoami` tells who you are, {GOES_ON}",
    )  # fmt: skip


def _terminating(status: int, said: str, causes: Sequence[Any], asked: Asked) -> Refusal | None:
    told = any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
    if not told and "because it is being terminated" not in said:
        return None
    return _refusal(
        f"namespace {asked.namespace} is being deleted: nothing can be made in it", "namespace-terminating",
        "wait until it is gone (`kubectl get namespace` shows what it waits for) and make it anew, "
        f"or name another `namespace` under `target.kubernetes`, {GOES_ON}",
    )  # fmt: skip


def _no_namespace(status: int, said: str, causes: Sequence[Any], asked: Asked) -> Refusal | None:
    if status != 404 or not re.search(r'namespaces "[^"]+" not found', said):
        return None
    return _refusal(
        f"there is no namespace {asked.namespace} on {asked.cluster}", "no-namespace",
        f"`kubectl create namespace {asked.namespace}`, {GOES_ON}",
    )  # fmt: skip


def _webhook(status: int, said: str, causes: Sequence[Any], asked: Asked) -> Refusal | None:
    if found := _WEBHOOK.search(said) or _POLICY.search(said):
        why = on_one_line(found["why"], 300) or "it does not say why"
        return _refusal(
            f"{asked.title}: the cluster's admission rule {found['name']} denies it: {why}", "admission-denied",
            "change what it objects to in the spec, or ask who runs the cluster for an exception for "
            f"namespace {asked.namespace}",
        )  # fmt: skip
    if found := _WEBHOOK_GONE.search(said):
        return _refusal(
            f"{asked.title}: the cluster's admission webhook {found['name']} does not answer", "cluster-not-well",
            f"have who runs the cluster mend or remove it, {GOES_ON}",
        )  # fmt: skip
    return None


def _quota(status: int, said: str, causes: Sequence[Any], asked: Asked) -> Refusal | None:
    if found := _QUOTA.search(said):
        what = f"quota {found['name']} of namespace {asked.namespace} is used up: {_short(found['why'])}"
        see = f"`kubectl describe resourcequota {found['name']} -n {asked.namespace}`"
        fix = f"lower its `resources`, free some ({see}), or have the quota raised, {GOES_ON}"
    elif found := _QUOTA_ASKS.search(said):
        what = f"quota {found['name']} of namespace {asked.namespace} wants to be told more: {_short(found['why'])}"
        fix = "name that in its `resources`"
    elif found := _LIMITS.search(said):
        what = f"namespace {asked.namespace} bounds what a pod may ask for: {_short(found['why'].rstrip('].'))}"
        fix = f"change its `resources`, or have the limits changed (`kubectl describe limitrange -n {asked.namespace}`)"
    else:
        return None
    return _refusal(f"{asked.title}: {what}", "quota-exceeded", fix)


def _pod_security(status: int, said: str, causes: Sequence[Any], asked: Asked) -> Refusal | None:
    if not (found := _PSS.search(said)):
        return None
    return _refusal(
        f"{asked.title}: namespace {asked.namespace} enforces Pod Security {found['level']}: {_short(found['why'])}",
        "admission-denied",
        "take out of the spec what it names; what Modelyard makes by itself passes `restricted`",
    )


def _no_rights(status: int, said: str, causes: Sequence[Any], asked: Asked) -> Refusal | None:
    if status != 403 or not (found := _FORBIDDEN.search(said)):
        return None
    resource, _, subresource = found["resource"].partition("/")
    rule = f'{{apiGroups: ["{found["group"]}"], resources: ["{found["resource"]}"], verbs: ["{found["verb"]}"]}}'
    where = f"namespace {found['namespace']}" if found["namespace"] else "the whole cluster"
    role = "Role" if found["namespace"] else "ClusterRole"
    of = f"{subresource} of {resource}" if subresource else resource
    return _refusal(
        f"{asked.title}: {found['user']} may not {found['verb']} {of} in {where}", "no-rights",
        f"have this rule added to a {role} that is bound to it: {rule}; {GOES_ON}",
    )  # fmt: skip


def _fields(status: int, said: str, causes: Sequence[Any], asked: Asked) -> Refusal | None:
    if status != 409:
        return None
    owned = []
    for cause in causes:
        if cause.get("reason") == "FieldManagerConflict":
            found = _CONFLICT.search(str(cause.get("message") or ""))
            owned.append(_owned(str(cause.get("field") or "?"), found))
    return FieldConflict(asked.title, owned) if owned else None


def _owned(field: str, found: re.Match[str] | None) -> Owned:
    if found is None:
        return Owned(field, "another manager", by_hand=False)
    # Only an update in place is told with the API version and the time that it was made with; what scales is a
    # controller as a rule, but for `kubectl scale`.
    by_hand = bool(found["update"]) and (not found["subresource"] or found["manager"].startswith("kubectl"))
    return Owned(field, found["manager"], by_hand, found["at"])


def _already(status: int, said: str, causes: Sequence[Any], asked: Asked) -> Refusal | None:
    if status != 409 or "already exists" not in said:
        return None
    return _refusal(f"{asked.title} exists already", "already-exists", "apply again: it goes on from what is there")


def _invalid(status: int, said: str, causes: Sequence[Any], asked: Asked) -> Refusal | None:
    if status not in (400, 422) and "not declared in schema" not in said:  # which an apply is told as a 500
        return None
    immutable = [cause for cause in causes if _IMMUTABLE.search(str(cause.get("message")))]
    if immutable or _IMMUTABLE.search(said):
        fields = ", ".join(str(cause.get("field")) for cause in immutable) or "a field"
        return _refusal(
            f"{asked.title}: {fields} cannot be changed once it is made", "immutable-field",
            f"delete it (`kubectl delete {asked.title.replace(' ', '/', 1).lower()} -n {asked.namespace}`), {GOES_ON}",
        )  # fmt: skip
    words = "; ".join(f"{c.get('field')}: {c.get('message')}" for c in causes) or said
    return _refusal(
        f"{asked.title} is not valid for this cluster: {on_one_line(words, 400)}", "invalid",
        "check the keys of `target.kubernetes` and of this node in the spec; an older cluster may not know a field yet",
    )  # fmt: skip


def _short(said: str) -> str:
    return on_one_line(said, 300)


def _refusal(what: str, code: str, fix: str) -> Refusal:
    return Refusal(what, status=0, fix=fix, code=code)


_READERS: tuple[Callable[[int, str, Sequence[Any], Asked], Refusal | None], ...] = (
    _no_login, _terminating, _no_namespace, _webhook, _quota, _pod_security, _no_rights, _fields, _already, _invalid,
)  # fmt: skip
