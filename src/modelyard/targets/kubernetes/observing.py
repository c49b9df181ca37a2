"""The services of an environment as they are in the cluster, whatever was asked for: one list a kind."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from modelyard.plan.objects import ObjectChange
from modelyard.targets.base import LiveService
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.api_errors import Refusal
from modelyard.targets.kubernetes.differing import address_of, differences
from modelyard.targets.kubernetes.inventory import Inventory, controlled, kinds_of, parent_name
from modelyard.targets.kubernetes.kinds import (
    CONFIG_MAP,
    CRON_JOB,
    DEPLOYMENT,
    OPERATED,
    SERVICE,
    STATEFUL_SET,
    Kind,
    Object,
    kind_of,
    name_of,
    title_of,
)
from modelyard.targets.kubernetes.names import FINGERPRINT, Scope
from modelyard.targets.kubernetes.operators.knative import VERSION
from modelyard.targets.kubernetes.operators.seldon2 import MODEL, changed_by
from modelyard.targets.kubernetes.readiness import readiness

WORKLOADS = (DEPLOYMENT, STATEFUL_SET, CRON_JOB)


@dataclass(frozen=True)
class Survey:
    """What runs, by address, and what an apply would change: both of one reading of the cluster."""

    services: Mapping[str, LiveService]
    changes: Sequence[ObjectChange]


def survey(api: Api, scope: Scope, wanted: Sequence[Object], also: Iterable[Kind] = ()) -> Survey:
    """One list a kind, those of `also` too, and of what is not as wanted one dry run an object."""
    found = Inventory.read(api, scope, wanted, (*WORKLOADS, SERVICE, *also))
    changes = differences(api, scope, wanted, found)
    return Survey(_services(found, changes, _of_kind(found, SERVICE)), changes)


def live_services(api: Api, scope: Scope, also: Iterable[Kind] = ()) -> dict[str, LiveService]:
    """By address, with no more rights than the runner in its pod has: it may not look at what a set may hold."""
    parent = api.get(CONFIG_MAP, parent_name(scope))
    operated = [kind for kind in kinds_of(parent) if kind.name in OPERATED]
    found = Inventory.read(api, scope, kinds=(*WORKLOADS, *operated, *also), whole=False)
    try:
        services = api.list(SERVICE, scope.selector)
    except Refusal as error:
        if error.code != "no-rights":
            raise
        services = []  # and needs no URL
    return _services(found, (), services)


def _services(found: Inventory, changes: Sequence[ObjectChange], services: Iterable[Object]) -> dict[str, LiveService]:
    """One that others have changed has no fingerprint, and tells who changed what."""
    urls = _urls(services)
    changed = {change.title: change for change in changes if change.drift}
    live = {}
    for obj in found.live.values():
        # What an operator makes of one of ours has its labels, and is no service beside it.
        if (address := address_of(obj)) and is_workload(obj) and not controlled(obj):
            live[address] = _drifted(live_service(obj, urls.get(address)), changed.get(title_of(obj)))
    return live


def _of_kind(found: Inventory, kind: Kind) -> list[Object]:
    return [obj for obj in found.live.values() if kind_of(obj) == kind]


def live_service(obj: Object, url: str | None = None) -> LiveService:
    """A workload as it is."""
    annotations = obj["metadata"].get("annotations") or {}
    status = obj.get("status") or {}
    url = url or (status.get("address") or {}).get("url") or status.get("url")
    found = LiveService(
        str(address_of(obj)), "ready", annotations.get(FINGERPRINT), url, obj["metadata"].get("creationTimestamp"),
        version=annotations.get(VERSION),
    )  # fmt: skip
    spec = obj.get("spec") or {}
    if spec.get("suspend"):
        return replace(found, status="stopped", detail="it is suspended")
    if kind_of(obj) == CRON_JOB:
        return found
    if spec.get("replicas") == 0:
        return replace(found, status="stopped", detail="it is scaled to nothing")
    if kind_of(obj) == MODEL and (changed := changed_by(obj)):
        found = replace(found, fingerprint=None, detail=changed)
    state = readiness(obj)
    if state.ready:
        return found
    if state.state == "failed":
        return replace(found, status="failed", detail=state.text)
    return replace(found, status="unhealthy" if _was_up(obj) else "starting", detail=state.text)


def _was_up(obj: Object) -> bool:
    """Rolled out once, and not available now."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Progressing" and one.get("reason") == "NewReplicaSetAvailable" for one in conditions)


def _drifted(live: LiveService, change: ObjectChange | None) -> LiveService:
    if change is None:
        return live
    return replace(live, fingerprint=None, detail="; ".join(str(field) for field in change.drift))


def is_workload(obj: Object) -> bool:
    """Whether it makes pods: ours, or an operator's in its place."""
    return kind_of(obj) in WORKLOADS or obj["kind"] in OPERATED


def _urls(services: Iterable[Object]) -> dict[str, str]:
    """As one reaches them from within the cluster. A headless Service has none."""
    found: dict[str, str] = {}
    for obj in services:
        spec, address = obj.get("spec") or {}, address_of(obj)
        if address and spec.get("ports") and spec.get("clusterIP") != "None":
            host = f"{name_of(obj)}.{obj['metadata'].get('namespace')}.svc"
            found.setdefault(address, f"http://{host}:{spec['ports'][0]['port']}")
    return found
