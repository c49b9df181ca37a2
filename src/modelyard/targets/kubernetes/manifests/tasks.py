"""A task: what it is told, in a ConfigMap, and the Job that does it once. Trying again is the executor's."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelyard.graph.model import Node
from modelyard.secrets import references
from modelyard.targets.kubernetes.manifests.documents import DOCUMENT, as_text, in_pod
from modelyard.targets.kubernetes.manifests.pods import GRACE, Pod, pod_of
from modelyard.targets.kubernetes.manifests.sheet import Head, Sheet
from modelyard.targets.kubernetes.names import ATTEMPT, PREFIX, RUN, label_value
from modelyard.targets.kubernetes.operators.kueue import queue_labels
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.task import TaskDocument

KIND = PREFIX + "kind"
COMPONENT = "task"
_START = 3600
"""Seconds that a pod may wait for a node and its image: the executor counts from its start, and a deadline only ends
what no executor can end any more."""
_LAST_WORDS = 60
_FAILS = {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [0]}}


@dataclass(frozen=True)
class JobRules:
    """`deadline` and `keep` in seconds; None: whoever makes the Job takes it away.

    Without `failure_rules` any end but a good one is final.
    """

    pod: Pod
    keep: int | None = None
    deadline: int | None = None
    backoff_limit: int = 0
    failure_rules: Sequence[Mapping[str, Any]] = (_FAILS,)


def add_task(
    sheet: Sheet, task: TaskDocument, node: Node, cluster: Cluster, image: str, *, name: str = "", folder: str = ""
) -> None:
    scope = sheet.scope
    name = name or scope.job_name(node.address, task.run_id, task.attempt)
    labels = {
        **scope.labels_of(node.address, COMPONENT, task.fingerprint),
        KIND: label_value(node.kind),
        RUN: label_value(task.run_id),
        ATTEMPT: str(task.attempt),
    }
    head = Head(labels, scope.annotations_of(node.address, task.fingerprint))
    told = in_pod(task, scope)
    sheet.add("ConfigMap", name, head, folder=folder, document=as_text(told), graph=None)
    pod = pod_of(
        scope,
        cluster,
        task.settings,
        container="task",
        image=image,
        account="tasks",
        configmap=name,
        head=head,
        args=[DOCUMENT],
        resources=node.resources,
        secrets=references([task.node, task.tracking, task.store]),
        env=[{"name": "MODELYARD_GRACE", "value": f"{GRACE - 10}"}],
        restart="Never",
        heeds=True,
        task=True,
    )
    job = JobRules(pod=pod, keep=kept(cluster), deadline=_deadline(node))
    queued = replace(head, labels={**labels, **queue_labels(cluster)})
    sheet.add("Job", name, queued, folder=folder, **job.__dict__)


def kept(cluster: Cluster) -> int:
    """Seconds that an ended Job stays, at the least as long as it takes to read its pod's last words."""
    return max(cluster.keep, _LAST_WORDS)


def _deadline(node: Node) -> int | None:
    return math.ceil(node.timeout) + GRACE + _START if node.timeout else None
