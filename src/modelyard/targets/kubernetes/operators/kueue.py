"""Kueue: a Job waits, suspended, until its LocalQueue has quota for all of its pods."""

from modelyard.targets.kubernetes.settings import Cluster

QUEUE = "kueue.x-k8s.io/queue-name"
_DEFAULT = "default"


def queue_labels(cluster: Cluster) -> dict[str, str]:
    """Of every Job, or TrainJob, that does a task. Kueue's own webhook suspends what has it.

    Without `queue` it is the LocalQueue `default`, which Kueue takes for what names none.
    """
    return {QUEUE: cluster.queue or _DEFAULT} if cluster.operators.get("queue") == "kueue" else {}
