"""When an earlier result may stand for a run."""

from collections.abc import Callable, Collection

from modelyard.graph.model import Node
from modelyard.plan.definition import Reason
from modelyard.plan.quantities import age
from modelyard.task import TaskResult

ACTING = frozenset({"register", "materialize"})
"""Kinds that change something outside of their outputs: an old result of theirs no longer says how things are now."""


def usable(
    node: Node, result: TaskResult | None, unfinished: Collection[str] = (), has: Callable[[str], bool] | None = None
) -> TaskResult | None:
    """The result, if it can be taken for this node; None otherwise.

    A kind that acts is taken only from a run that was begun and never recorded: what a killed apply left behind.
    """
    if result is None or any(name not in result.outputs for name in node.outputs):
        return None
    if node.kind in ACTING and result.run_id not in unfinished:
        return None
    if has and not all(has(artifact.digest) for artifact in result.outputs.values()):
        return None
    return result


def restore_reason(result: TaskResult) -> Reason:
    run = f"run {result.run_id[:8]}" if result.run_id else "an earlier run"
    when = f", {age(result.finished_at)}" if result.finished_at else ""
    return Reason("restore", run, note=f"restore from {run}{when}, nothing to compute")
