"""A training on several nodes: an indexed Job whose pods find each other through a headless Service, as torchrun does.

The pod of index 0 leads: its result is the task's, and with it the Job has succeeded.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from modelyard.graph.model import EMPTY, Node
from modelyard.spec.catalog.engines import TOGETHER
from modelyard.targets.kubernetes.gpus import THREADS, threads
from modelyard.targets.kubernetes.kinds import Object, name_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.torchrun import PORT

INDEX = "batch.kubernetes.io/job-completion-index"
"""Both a label and an annotation of a pod of an indexed Job."""


def processes_of(node: Node) -> int:
    """Processes on each node: one a GPU where the engine is one that torchrun's environment reaches."""
    return max(node.resources.gpu, 1) if node.config.get("engine") in TOGETHER else 1


def environment_of(container: Object, node: Node) -> list[Any]:
    """The container's own, with its cores shared out among its processes."""
    own = {one["name"]: one for one in container.get("env", ())}
    if THREADS in own:
        own[THREADS] = {"name": THREADS, "value": str(threads(node.resources, processes_of(node)))}
    return list(own.values())


def service_name(node: Node, scope: Scope) -> str:
    return f"{scope.name(node.address)}-nodes"


def with_workers(job: Object, node: Node, scope: Scope) -> Object:
    """The Job of one attempt as the node's `resources` have it: unchanged where one process on one machine does it."""
    processes = processes_of(node)
    if node.resources.nodes * processes == 1:
        return job
    made = deepcopy(job)
    pod = made["spec"]["template"]["spec"]
    pod["containers"][0]["env"] = environment_of(pod["containers"][0], node) + _environment(made, node, scope)
    if node.resources.nodes == 1:
        return made
    # A follower that ends with the leader still has its pod counted, but nothing waits for it.
    made["spec"] |= {
        "completionMode": "Indexed",
        "completions": node.resources.nodes,
        "parallelism": node.resources.nodes,
        "successPolicy": {"rules": [{"succeededIndexes": "0"}]},
    }
    pod["subdomain"] = service_name(node, scope)
    pod["affinity"] = apart(scope.match(node.address), pod.get("affinity") or {})
    return made


def worker_objects(node: Node, scope: Scope, *, named: bool = True) -> list[Object]:
    """What the pods of all attempts share: their right to talk to each other, and the Service that names them.

    Without `named` somebody else gives them their names.
    """
    if node.resources.nodes == 1:
        return []
    selector = scope.match(node.address)
    metadata = {
        "namespace": scope.namespace,
        "labels": scope.labels_of(node.address, node.kind),
        "annotations": scope.annotations_of(node.address),
    }
    each = [{"podSelector": {"matchLabels": selector}}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": service_name(node, scope), **metadata},
        # A pod is looked for by the others before it is ready: none of them has a readiness to wait for.
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": selector,
            "ports": [{"name": "torchrun", "port": PORT, "protocol": "TCP", "targetPort": PORT}],
        },
    }
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": service_name(node, scope), **metadata},
        # All ports: beside torchrun's, NCCL and Gloo take free ones.
        "spec": {
            "podSelector": {"matchLabels": selector},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": each}],
            "egress": [{"to": each}],
        },
    }
    return [*([service] if named else []), policy]


def _environment(job: Object, node: Node, scope: Scope) -> list[Mapping[str, Any]]:
    several = node.resources.nodes > 1
    leader = f"{name_of(job)}-0.{service_name(node, scope)}" if several else "127.0.0.1"
    rank: Mapping[str, Any] = (
        {"valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.annotations['{INDEX}']"}}}
        if several
        else {"value": "0"}
    )
    return [
        {"name": "PET_NNODES", "value": str(node.resources.nodes)},
        {"name": "PET_NODE_RANK", **rank},
        {"name": "PET_NPROC_PER_NODE", "value": str(processes_of(node))},
        {"name": "PET_MASTER_ADDR", "value": leader},
        {"name": "PET_MASTER_PORT", "value": str(PORT)},
    ]


def apart(selector: Mapping[str, str], affinity: Mapping[str, Any] = EMPTY) -> dict[str, Any]:
    """`affinity`, and each of those selected on a machine of its own, where the cluster has as many."""
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": dict(selector)}}
    known = dict(affinity.get("podAntiAffinity") or {})
    preferred = "preferredDuringSchedulingIgnoredDuringExecution"
    known[preferred] = [*known.get(preferred, ()), {"weight": 100, "podAffinityTerm": term}]
    return {**affinity, "podAntiAffinity": known}
