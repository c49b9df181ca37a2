"""`modelyard logs`."""

import time
from collections import deque
from pathlib import Path

import click

from modelyard.cli.options import Common, common_options
from modelyard.cli.session import Session
from modelyard.errors import ModelyardError


@click.command(epilog="Examples: modelyard logs training.detector; modelyard logs serving.api -F")
@common_options
@click.argument("address")
@click.option("-n", "--number", type=click.IntRange(0), default=100, help="The last N lines (0: all).")
@click.option("-F", "--follow", is_flag=True, help="Go on as it grows, until Ctrl-C.")
def command(common: Common, address: str, number: int, follow: bool) -> None:
    """The log of ADDRESS: of its last run, or of the service; or of a run by its id."""
    path = _log_of(Session(common), address)
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream if number == 0 else deque(stream, maxlen=number):
            click.echo(line, nl=False)
        while follow:
            line = stream.readline()
            if line:
                click.echo(line, nl=False)
            else:
                time.sleep(0.2)


def _log_of(session: Session, address: str) -> Path:
    logs = session.loaded.root / ".modelyard" / "logs"
    service = logs / f"{session.graph.environment or 'default'}.{address}.log"
    if service.exists():
        return service
    with session.state() as state:
        runs = state.runs(session.graph.environment, address, limit=1)
        run = runs[0] if runs else state.run(address)
    if run is None:
        session.node(address)
        raise ModelyardError(f"{address} has not run yet", fix="`modelyard apply` runs it.")
    path = session.loaded.root / run.log
    if not run.log or not path.exists():
        raise ModelyardError(f"the log of run {run.run_id} is not here any more ({run.log or 'it left none'})")
    return path
