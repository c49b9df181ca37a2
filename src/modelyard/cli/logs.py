"""`modelyard logs`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelyard.cli.options import Common, common_options
from modelyard.cli.session import Session
from modelyard.errors import ModelyardError

if TYPE_CHECKING:
    from modelyard.state import RunRecord


@click.command(epilog="Examples: modelyard logs training.detector; modelyard logs serving.api -F")
@common_options
@click.argument("address")
@click.option("-n", "--number", type=click.IntRange(0), default=100, help="The last N lines (0: all).")
@click.option("-F", "--follow", is_flag=True, help="Go on as it grows, until Ctrl-C.")
def command(common: Common, address: str, number: int, follow: bool) -> None:
    """The log of ADDRESS: of its last run, or of the service; of a run by its id; of the latest detached `apply`."""
    for line in _lines(Session(common), address, number, follow):
        click.echo(line)


def _lines(session: Session, address: str, number: int, follow: bool) -> Iterator[str]:
    from modelyard.targets.log_lines import log_lines

    if address == "apply" and "kubernetes" in session.graph.target:
        from modelyard.cli.cluster import log_of_run

        return log_of_run(session, number, follow)
    if address == "apply":
        return log_lines(_log_of_apply(session), number, follow)
    node = session.graph.nodes.get(address)
    if node is not None and node.role == "service":
        return session.target.log(address, number, follow)
    run = _run_of(session, address)
    if "kubernetes" in session.graph.target:
        from modelyard.cli.cluster import log_of_task

        return log_of_task(session, run, number, follow)
    return log_lines(_log_of(session, run), number, follow)


def _log_of_apply(session: Session) -> Path:
    from modelyard.cli.detached import log_path

    path = log_path(session.loaded.root)
    if not path.exists():
        raise ModelyardError("no apply has been detached here", fix="`modelyard apply --detach` starts one.")
    return path


def _run_of(session: Session, address: str) -> "RunRecord":
    with session.state() as state:
        runs = state.runs(session.graph.environment, address, limit=1)
        run = runs[0] if runs else state.run(address)
    if run is None:
        session.node(address)
        raise ModelyardError(f"{address} has not run yet", fix="`modelyard apply` runs it.")
    return run


def _log_of(session: Session, run: "RunRecord") -> Path:
    path = session.loaded.root / run.log
    if not run.log or not path.exists():
        raise ModelyardError(f"the log of run {run.run_id} is not here any more ({run.log or 'it left none'})")
    return path
