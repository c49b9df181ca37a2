"""Metrics beside what they were: a champion's where both were scored on held-out data, else the last run's.

What a training or a study says of itself was scored on its `val` split; a version in the registry carries the scores
of its evaluation. So only the evaluation that a registry judges by is held against the champion.
"""

from collections.abc import Mapping
from typing import Any

from modelyard.apply.report import MetricChange
from modelyard.graph.model import Graph, Node
from modelyard.store import Store


class Champions:
    """What is in production, by the evaluation whose metrics a registry judges by."""

    def __init__(self, graph: Graph, store: Store) -> None:
        self._by_node: dict[str, tuple[str, Mapping[str, float]]] = {}
        for node in graph.nodes.values():
            if node.kind == "register":
                self._add(node, store)

    def _add(self, node: Node, store: Store) -> None:
        name = node.config.get("name") or node.address.split(".", 1)[-1]
        version: Any = store.get_ref(f"registry/{name}/production")
        if not isinstance(version, Mapping):
            return
        metrics = {key: value for key, value in (version.get("metrics") or {}).items() if _is_number(value)}
        champion = (f"production v{version.get('version', '?')}", metrics)
        if "metrics" in node.inputs:
            self._by_node[node.inputs["metrics"].node] = champion

    def of(self, node: Node) -> tuple[str, Mapping[str, float]] | None:
        return self._by_node.get(node.address)


def metric_changes(
    node: Node, metrics: Mapping[str, float], earlier: Mapping[str, float], champions: Champions
) -> tuple[MetricChange, ...]:
    champion = champions.of(node)
    changes = []
    for name, value in metrics.items():
        if champion and name in champion[1]:
            changes.append(MetricChange(name, value, champion[1][name], champion[0]))
        elif name in earlier:
            changes.append(MetricChange(name, value, earlier[name], "the last run"))
        else:
            changes.append(MetricChange(name, value))
    return tuple(changes)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
