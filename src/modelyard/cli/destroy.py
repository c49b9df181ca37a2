"""`modelyard destroy`."""

import sys

import click

from modelyard.cli.options import Common, common_options, lock_wait_option
from modelyard.cli.session import Session, has_color
from modelyard.errors import ModelyardError
from modelyard.wording import counted


@click.command(epilog="Example: modelyard destroy --auto-approve")
@common_options
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
@click.option(
    "--volumes", is_flag=True, help="Take away the data that services keep, too: records in PostgreSQL, measurements."
)
@lock_wait_option
def command(common: Common, auto_approve: bool, volumes: bool, lock_wait: float) -> int:
    """Stop the services that apply started and forget what was applied. Stored results, runs and models stay."""
    from modelyard.api import destroy
    from modelyard.cli.interrupt import cancel_on_interrupt
    from modelyard.cli.outcome import exit_code, print_report
    from modelyard.cli.progress import Progress

    session = Session(common)
    with session.state() as state:
        applied = state.applied(session.graph.environment)
    running = session.target.observe(session.graph).services
    if not applied and not running and not volumes:
        common.say("Nothing was applied here; nothing to take away.")
        return 0
    for address in sorted({*running, *(a for a, record in applied.items() if record.role == "service")}):
        common.say(f"  - {address}")
    common.say(f"  - the record of {counted(len(applied), 'applied node')} (their results stay in the store)")
    if volumes:
        common.say("  - the data that its services kept")
    if not auto_approve:
        if not sys.stdin.isatty():
            raise ModelyardError("destroy asks before it acts, and nobody is here to answer", fix="Say --auto-approve.")
        click.confirm("Take these away?", err=True, abort=True)
    cancel = cancel_on_interrupt(common)
    with Progress(common, color=has_color(common, sys.stderr)) as progress:
        report = destroy(
            session.loaded, session.graph, on_event=progress, cancel=cancel, lock_wait=lock_wait, volumes=volumes
        )
    print_report(report, common)
    return exit_code(report)
