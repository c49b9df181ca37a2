"""Where `target.kubernetes.operators` hands work to: objects of ours, in the operator's own kinds."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.graph.model import Node
from modelyard.targets.kubernetes.kinds import Object
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.operators import kserve, kueue, seldon, trainer
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.targets.kubernetes.workers import with_workers

_SERVING_RULES: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "kserve": kserve.RULES, "seldon": seldon.RULES, "seldon-v1": seldon.RULES,
}  # fmt: skip

queue_labels = kueue.queue_labels


def serving_objects(objects: Sequence[Object], node: Node, cluster: Cluster) -> list[Object]:
    """The objects of an endpoint, made for a cluster without operators, as its operator has them."""
    operator = cluster.operators.get("serving")
    if operator == "kserve":
        return kserve.inference_service(objects, node)
    if operator in ("seldon", "seldon-v1"):
        return seldon.seldon_deployment(objects)
    return list(objects)


def training_objects(job: Object, node: Node, scope: Scope, cluster: Cluster) -> list[Object]:
    """The objects that do one attempt at a task, made as a Job: the last of them is the one to wait for."""
    if takes_training(node, cluster):
        return trainer.train_job(job, node)
    return [with_workers(job, node, scope)]


def takes_training(node: Node, cluster: Cluster) -> bool:
    return cluster.operators.get("training") == "trainer" and node.kind == "train" and node.resources.nodes > 1


def runner_rules(cluster: Cluster) -> list[Mapping[str, Any]]:
    """What the runner may do beside making Jobs."""
    training, serving = cluster.operators.get("training"), cluster.operators.get("serving")
    return [*(trainer.RULES if training == "trainer" else ()), *_SERVING_RULES.get(str(serving), ())]
