"""`modelyard apply`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.options import Common, common_options, lock_wait_option
from modelyard.cli.plan import view
from modelyard.cli.session import Session, has_color
from modelyard.errors import ModelyardError

if TYPE_CHECKING:
    from modelyard.plan.definition import Plan


@click.command(
    epilog="Examples: modelyard apply -e dev --auto-approve; modelyard plan -o p.json && modelyard apply p.json"
)
@common_options
@click.argument("plan_file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--select", multiple=True, metavar="ADDRESS", help="Only these (globs; `+x` with what it needs, `x+`).")
@click.option("--exclude", multiple=True, metavar="ADDRESS", help="All but these.")
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
@click.option("--keep-going", is_flag=True, help="After a failure go on with what does not depend on it.")
@click.option("--detach", is_flag=True, help="Go on without this terminal; `logs apply` and `status` follow it.")
@click.option("--parallelism", type=click.IntRange(1), metavar="N", help="At most N tasks at once.")
@lock_wait_option
def command(
    common: Common, plan_file: Path | None, select: tuple[str, ...], exclude: tuple[str, ...], auto_approve: bool,
    keep_going: bool, detach: bool, parallelism: int | None, lock_wait: float,
) -> int:  # fmt: skip
    """Do what plan shows (or exactly PLAN_FILE). Asks first; goes on where an earlier apply was cut off."""
    from modelyard.api import make_plan
    from modelyard.plan.planfile import load_plan

    how = {"parallelism": parallelism, "keep_going": keep_going, "lock_wait": lock_wait}
    if plan_file is not None:
        session = Session(common)
        return _carry_out(session, load_plan(plan_file, session.graph), False, detach, how)
    while True:
        session = Session(common)
        plan = make_plan(session.loaded, session.graph, select=select, exclude=exclude)
        try:
            return _carry_out(session, plan, not auto_approve, detach, how)
        except ModelyardError as error:
            if error.code != "stale-plan":
                raise
            common.say("Another apply has been here since; planning again.\n")


def _carry_out(session: Session, plan: "Plan", asks: bool, detach: bool, how: Mapping[str, Any]) -> int:
    if not _is_wanted(session, plan, asks):
        return _share(session, plan)
    if "kubernetes" in session.graph.target:
        from modelyard.cli.cluster import hand_over

        # what the run is to restore it finds in the remote store or nowhere
        return _share(session, plan) or hand_over(session, plan, how, detach)
    if detach:
        from modelyard.cli import detached

        return detached.detach(session, plan, how)
    return _do_here(session, plan, how)


def _share(session: Session, plan: "Plan") -> int:
    """Results that are older than `store.remote` go to it, though nothing is to be done here. The exit code."""
    if not (session.graph.settings.get("store") or {}).get("remote"):
        return 0
    from modelyard.api import share_results
    from modelyard.cli.interrupt import cancel_on_interrupt
    from modelyard.cli.outcome import INTERRUPTED
    from modelyard.cli.progress import Progress

    cancel = cancel_on_interrupt(session.common)
    with Progress(session.common, color=has_color(session.common, sys.stderr)) as progress:
        share_results(session.loaded, session.graph, plan, on_event=progress, cancel=cancel)
    return INTERRUPTED if cancel.is_set() else 0


def _do_here(session: Session, plan: "Plan", how: Mapping[str, Any]) -> int:
    from modelyard.api import apply_plan
    from modelyard.cli.interrupt import cancel_on_interrupt
    from modelyard.cli.outcome import exit_code, print_report
    from modelyard.cli.progress import Progress

    common = session.common
    cancel = cancel_on_interrupt(common)
    with Progress(common, color=has_color(common, sys.stderr)) as progress:
        report = apply_plan(session.loaded, session.graph, plan, on_event=progress, cancel=cancel, **how)
    print_report(report, common)
    return exit_code(report)


def _is_wanted(session: Session, plan: "Plan", asks: bool) -> bool:
    """Show the plan, hold it against the policies, and ask; False where there is nothing to do."""
    from modelyard.api import judge_plan
    from modelyard.plan.policies import denied

    common = session.common
    verdicts = judge_plan(plan, session.graph)
    common.say(view(plan, verdicts, "text", common).rstrip("\n"))
    refusal = denied(verdicts)
    if refusal:
        raise refusal
    if plan.empty:
        return False
    if asks:
        _ask(common)
    return True


def _ask(common: Common) -> None:
    if not sys.stdin.isatty():
        raise ModelyardError("apply asks before it acts, and nobody is here to answer", fix="Say --auto-approve.")
    if not click.confirm("Apply this?", err=True):
        common.say("Nothing was done.")
        raise click.exceptions.Abort
