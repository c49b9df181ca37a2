"""Metrics beside what they were: against the champion where there is one, else against the last run."""

from collections.abc import Mapping
from typing import Any

from modelyard.apply.report import MetricChange
from modelyard.graph.model import Graph, Node
from modelyard.store import Store

_LEARNERS = frozenset({"train", "tune", "evaluate"})


class Champions:
    """What is in production, by the node that a registry takes its metrics or its model from."""

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
        for ref in node.inputs.values():
            self._by_node[ref.node] = champion

    def of(self, node: Node) -> tuple[str, Mapping[str, float]] | None:
        return self._by_node.get(node.address) if node.kind in _LEARNERS else None


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
