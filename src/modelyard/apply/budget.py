"""`pipeline.budget`: how many applies may compute in 24 hours, and how many GPU-hours they may take."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph, Node
from modelyard.plan.definition import Action, Plan
from modelyard.plan.quantities import amount
from modelyard.state import RunRecord, State
from modelyard.wording import counted

_ALL = 1_000_000


class Budget:
    """What is left of it. GPU tasks get no more time than their share of what is left."""

    def __init__(self, settings: Mapping[str, Any], spent_gpu_hours: float = 0.0, applies: int = 0) -> None:
        self._runs: int | None = settings.get("runs_per_day")
        self._gpu_hours: float | None = settings.get("gpu_hours")
        self._spent = spent_gpu_hours
        self._applies = applies
        self._turn = threading.Lock()

    def check(self, plan: Plan) -> None:
        """Raise ModelyardError (code `budget`) for a plan that computes, where nothing or too little is left."""
        computes = any(
            change.role == "task" and change.certain and change.action in {Action.CREATE, Action.RERUN}
            for change in plan.pending
        )
        if not computes:
            return
        if self._runs is not None and self._applies >= self._runs:
            raise _exceeded(
                "runs_per_day",
                f"the last 24 hours had {self._applies} of {counted(self._runs, 'run')}",
            )
        needed = plan.totals.gpu_hours
        if self._gpu_hours is not None and needed and self._spent + needed > self._gpu_hours:
            text = f"the plan takes about {amount(needed)} GPU-hours; {self._left_text()}"
            raise _exceeded("gpu_hours", text)

    def time_limit(self, node: Node) -> float | None:
        """The node's own timeout, or less where the GPU-hours left end sooner. Raises where none are left."""
        gpus = node.resources.gpu * node.resources.nodes
        if self._gpu_hours is None or not gpus:
            return node.timeout
        left = (self._gpu_hours - self._spent) * 3600 / gpus
        if left <= 0:
            raise _exceeded("gpu_hours", self._left_text())
        return left if node.timeout is None else min(left, node.timeout)

    def spend(self, node: Node, seconds: float) -> None:
        with self._turn:
            self._spent += seconds / 3600 * node.resources.gpu * node.resources.nodes

    def _left_text(self) -> str:
        return f"{amount(self._spent)} of {amount(self._gpu_hours or 0)} were used in the last 24 hours"


def budget_of(graph: Graph, state: State, now: datetime | None = None) -> Budget:
    """The graph's budget, with what the runs of the last 24 hours took of it."""
    settings = (graph.settings.get("pipeline") or {}).get("budget") or {}
    if not settings:
        return Budget({})
    since = (now or datetime.now(UTC)) - timedelta(days=1)
    recent = [run for run in state.runs(graph.environment, limit=_ALL) if _started(run) >= since]
    hours = sum(run.seconds / 3600 * float(run.recorded.get("gpu", 0)) for run in recent)
    applies = len({run.recorded.get("apply", run.run_id) for run in recent})
    return Budget(settings, hours, applies)


def _started(run: RunRecord) -> datetime:
    return datetime.fromisoformat(run.started_at)


def _exceeded(key: str, what: str) -> ModelyardError:
    fix = "wait until the day is over, or raise the budget"
    return ModelyardError(what, address=f"pipeline.budget.{key}", fix=fix, code="budget")
