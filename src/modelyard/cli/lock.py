"""`modelyard lock`."""

import click

from modelyard.cli.options import Common, common_options
from modelyard.cli.session import Session
from modelyard.wording import counted


@click.command(epilog="Example: modelyard lock --check")
@common_options
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where what is installed differs from mlops.lock.")
def command(common: Common, check: bool) -> int:
    """Resolve the packages that `runtime:` and the engines need, once, into mlops.lock (names and versions)."""
    from modelyard.graph.lock import environment_drift, lock, write_lock

    session = Session(common)
    if check:
        drift = environment_drift(session.graph)
        for line in drift:
            click.echo(str(line))
        common.say(f"{counted(len(drift), 'difference')} between mlops.lock and what is installed")
        return 1 if drift else 0
    locked = lock(session.loaded)
    path = write_lock(session.loaded.root, locked)
    common.say(f"Wrote {path}: {counted(len(locked.packages), 'package')}. Keep it in git; fingerprints see it.")
    return 0
