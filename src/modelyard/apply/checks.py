"""What has to hold before anything is started."""

from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph
from modelyard.plan.definition import Plan
from modelyard.state import State
from modelyard.targets.base import Capacity


def check_fresh(plan: Plan, state: State) -> None:
    """Refuse a plan whose state has moved since. A state that was empty then has no lineage to compare."""
    if plan.serial is None:
        return
    if plan.serial and plan.lineage and plan.lineage != state.lineage():
        raise _stale("it was made for another state")
    serial = state.serial(plan.environment)
    if serial != plan.serial:
        raise _stale(f"something was applied since (state {plan.serial} → {serial})")


def check_fits(plan: Plan, graph: Graph, capacity: Capacity) -> None:
    """Refuse a task that asks for more GPUs than there are; fewer cores or less memory only make it slower."""
    if capacity.gpu is None:
        return
    for change in plan.pending:
        node = graph.nodes.get(change.address)
        if node and node.role == "task" and node.resources.gpu > capacity.gpu:
            there = f"{capacity.gpu} GPU{'' if capacity.gpu == 1 else 's'}"
            raise ModelyardError(
                f"asks for {node.resources.gpu}, and there {'is' if capacity.gpu == 1 else 'are'} {there} here",
                address=f"{node.address}.resources.gpu", code="does-not-fit",
                fix="Lower `resources.gpu`, or choose an environment whose target has more.",
            )  # fmt: skip


def _stale(why: str) -> ModelyardError:
    return ModelyardError(f"the plan is stale: {why}", fix="make a new plan", code="stale-plan")
