"""How long and how dear: medians of earlier runs, and the longest chain of what is to be done."""

from collections.abc import Iterable
from dataclasses import dataclass

from modelyard.graph.model import Graph, Node
from modelyard.plan.definition import Action, Change, Estimate, Totals
from modelyard.plan.records import History


@dataclass(frozen=True, slots=True)
class Prices:
    """Money per hour of one core and of one GPU, in whatever currency the reader thinks."""

    cpu_hour: float = 0.0
    gpu_hour: float = 0.0


def estimate(change: Change, node: Node, history: History, prices: Prices | None = None) -> Estimate | None:
    """None where there is no history. What is restored, updated or deleted takes no time worth to tell."""
    if change.action not in {Action.CREATE, Action.RERUN} or change.role != "task":
        return None
    seconds = [float(value) for value in history(change.address, change.kind)]
    if not seconds:
        return None
    from statistics import median

    middle = median(seconds)
    resources = node.resources
    gpu_hours = middle / 3600 * resources.gpu * resources.nodes
    cost = None
    if prices:
        cost = middle / 3600 * resources.cpu * resources.nodes * prices.cpu_hour + gpu_hours * prices.gpu_hour
    return Estimate(middle, gpu_hours, cost, len(seconds))


def totals(graph: Graph, changes: Iterable[Change]) -> Totals:
    """Time along the longest chain; GPU-hours and cost summed."""
    ends: dict[str, float] = {}
    gpu_hours, costs, runs, unknown = 0.0, [], 0, 0
    for change in changes:
        found = change.estimate
        start = max((ends.get(address, 0.0) for address in graph.nodes[change.address].upstream), default=0.0)
        ends[change.address] = start + (found.seconds if found else 0.0)
        if found:
            gpu_hours += found.gpu_hours
            runs += found.runs
            costs += [found.cost] if found.cost is not None else []
        elif change.role == "task" and change.action in {Action.CREATE, Action.RERUN}:
            unknown += 1
    seconds = max(ends.values(), default=0.0)
    return Totals(seconds, gpu_hours, sum(costs) if costs else None, runs, unknown)
