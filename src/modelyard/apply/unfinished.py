"""What an apply that was killed left behind: runs that were begun and never written down as ended."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modelyard.plan.restoring import ACTING
from modelyard.state import AppliedRecord, State

if TYPE_CHECKING:
    from modelyard.store import Store

_MANY = 1000


def unfinished_runs(state: State, environment: str | None) -> frozenset[str]:
    """Ids of runs that were begun, never ended, and are the latest of their address.

    Only such a run's result may stand for a run of a kind that acts: a later one has undone what it did.
    """
    found = set()
    for status in ("running", "interrupted"):
        for run in state.runs(environment, status=status, limit=_MANY):
            latest = state.runs(environment, run.address, limit=1) if run.kind in ACTING else [run]
            if latest and latest[0].run_id == run.run_id:
                found.add(run.run_id)
    return frozenset(found)


def settle_recorded(
    state: State, environment: str | None, applied: Mapping[str, AppliedRecord], store: "Store"
) -> None:
    """Close runs whose record was written just before the kill: they ended well."""
    for run in state.runs(environment, status="interrupted", limit=_MANY):
        record = applied.get(run.address)
        if record and record.run_id == run.run_id:
            state.finish_run(
                run.run_id, "ok", result=store.get_result(record.fingerprint), seconds=record.seconds,
                recorded=run.recorded,
            )  # fmt: skip
