"""Where `target.kubernetes.operators` hands work to: objects of ours, in the operator's own kinds."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.graph.model import Node
from modelyard.targets.kubernetes.kinds import Kind, Object
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.operators import katib, knative, kserve, kueue, seldon, seldon2, trainer
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.targets.kubernetes.workers import with_workers

_SERVING_RULES: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "kserve": kserve.RULES, "seldon": seldon.RULES, "seldon-v1": seldon.RULES,
    "seldon-v2": seldon2.RULES,
}  # fmt: skip

takes_study = katib.takes_study
queue_labels = kueue.queue_labels


def serving_objects(objects: Sequence[Object], node: Node, cluster: Cluster, remote: str = "") -> list[Object]:
    """The objects of an endpoint, made for a cluster without operators, as its operator has them.

    `remote` is the store's, from which Seldon 2 loads models.
    """
    operator = cluster.operators.get("serving")
    if knative.rolls_out(node):
        return knative.rolling_service(objects, node)
    if operator == "kserve":
        return kserve.inference_service(objects, node)
    if operator in ("seldon", "seldon-v1"):
        return seldon.seldon_deployment(objects)
    if seldon2.loads_models(cluster):
        return seldon2.model(objects, node, cluster, remote)
    return list(objects)


def kinds_of_runs(cluster: Cluster) -> tuple[Kind, ...]:
    """Operators' kinds that stand for a service and that only a run makes: what was applied does not name them."""
    if cluster.operators.get("serving") == "kserve":
        return (knative.INFERENCE_SERVICE,)
    return (seldon2.MODEL,) if seldon2.loads_models(cluster) else ()


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
    studies = katib.RULES if cluster.operators.get("tuning") == "katib" else ()
    return [*(trainer.RULES if training == "trainer" else ()), *studies, *_SERVING_RULES.get(str(serving), ())]
