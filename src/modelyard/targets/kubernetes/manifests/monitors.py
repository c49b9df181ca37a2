"""Monitors: a CronJob where `every` is a time that cron can say, else a Deployment of one that looks by itself."""

import hashlib

from modelyard.graph.model import Graph, Node
from modelyard.secrets import references
from modelyard.targets.kubernetes.manifests.pods import service_pod
from modelyard.targets.kubernetes.manifests.sheet import Sheet, head_of
from modelyard.targets.kubernetes.manifests.tasks import JobRules
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.task import TaskDocument

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 604800
_LATE = 300


def add_monitor(sheet: Sheet, node: Node, document: TaskDocument, graph: Graph, cluster: Cluster, image: str) -> None:
    scope, name = sheet.scope, sheet.scope.name(node.address)
    head = head_of(scope, node, document.fingerprint)
    cron = cron_of(node)
    pod = service_pod(
        sheet,
        node,
        document,
        cluster,
        image=image,
        head=head,
        container="monitor",
        account="tasks",
        secrets=references([node.config, document.store, document.tracking]),
        env=[{"name": "MODELYARD_ONCE", "value": "1"}] if cron else [],
        restart="Never" if cron else "Always",
        heeds=cron is not None,
    )
    if cron:
        job = JobRules(pod=pod, deadline=_longest(node))
        sheet.add("CronJob", name, head, schedule=cron, zone="Etc/UTC", late=_LATE, job=job)
    else:
        sheet.add(
            "Deployment",
            name,
            head,
            replicas=1,
            recreate=True,
            progress_deadline=600,
            selector=scope.match(node.address),
            pod=pod,
        )


def cron_of(node: Node) -> str | None:
    """None where it has to be there all the time."""
    return None if node.config.get("window") else schedule(float(node.config.get("every") or _HOUR), node.address)


def schedule(every: float, address: str) -> str | None:
    """Cron for each so many seconds, at a minute of the monitor's own, so that not all begin at once."""
    seconds = int(every)
    mark = int(hashlib.sha256(address.encode()).hexdigest()[:4], 16)
    if seconds != every or seconds < _MINUTE:
        return None
    if seconds < _HOUR and _HOUR % seconds == 0 and seconds % _MINUTE == 0:
        step = seconds // _MINUTE
        return "* * * * *" if step == 1 else f"{mark % step}-59/{step} * * * *"
    minute, hour = mark % 60, mark % 24
    if seconds % _HOUR == 0 and seconds < _DAY and _DAY % seconds == 0:
        step = seconds // _HOUR
        return f"{minute} * * * *" if step == 1 else f"{minute} {mark % step}-23/{step} * * *"
    days = {_DAY: f"{minute} {hour} * * *", _WEEK: f"{minute} {hour} * * {mark % 7}"}
    return days.get(seconds)


def _longest(node: Node) -> int:
    """A check that takes longer than its own pace would never be through."""
    return max(int(float(node.config.get("every") or _HOUR)), 10 * _MINUTE)
