"""`modelyard status`."""

import json
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.options import Common, common_options, format_option
from modelyard.cli.session import Session
from modelyard.cli.table import print_table

if TYPE_CHECKING:
    from modelyard.plan.definition import Change
    from modelyard.state.records import AppliedRecord
    from modelyard.targets.base import LiveService


@click.command(epilog="Example: modelyard status --format json")
@common_options
@format_option("text", "json")
def command(common: Common, form: str) -> int:
    """What runs, in which version, where, since when, and how reality differs from what was applied."""
    from modelyard.api import plan_against_state

    session = Session(common)
    live = session.target.observe(session.graph)
    with session.state() as state:
        applied = state.applied(session.graph.environment)
        holder = state.active_holder(session.graph.environment)
        plan = plan_against_state(session.loaded, session.graph, state, session.store, live)
    drift = [change for change in plan.pending if any(reason.kind == "drift" for reason in change.reasons)]
    rows = [_row(address, applied.get(address), live.services.get(address)) for address in session.graph.nodes]
    if form == "json":
        under_way = str(holder) if holder else None
        click.echo(
            json.dumps({"under_way": under_way, "drift": [one.address for one in drift], "nodes": rows}, indent=2)
        )
        return 0
    if holder:
        common.say(f"under way: {holder}")
    for change in drift:
        click.echo(click.style(f"drift: {change.address}: {_why(change)}", fg="yellow"), color=common.color)
    columns = ("address", "status", "version", "since", "at", "detail")
    print_table(columns, [[row[name] for name in columns] for row in rows], common)
    if drift:
        common.say("`modelyard apply` mends what drifted.")
    return 0


def _why(change: "Change") -> str:
    return "; ".join(reason.text for reason in change.reasons if reason.kind == "drift")


def _row(address: str, record: "AppliedRecord | None", service: "LiveService | None") -> dict[str, Any]:
    from modelyard.plan.quantities import age

    if service is not None:
        return {
            "address": address, "status": service.status, "version": service.version or "",
            "since": age(service.since) if service.since else "", "at": service.url or "", "detail": service.detail,
        }  # fmt: skip
    if record is None:
        return {"address": address, "status": "not applied", "version": "", "since": "", "at": "", "detail": ""}
    return {
        "address": address, "status": "ok" if record.role == "task" else "missing",
        "version": _version(record.outputs), "since": age(record.applied_at), "at": "", "detail": record.summary,
    }  # fmt: skip


def _version(outputs: Any) -> str:
    first = next(iter(outputs.values()), None)
    return str(first.digest)[:9] if first else ""
