"""`modelyard audit`."""

import click

from modelyard.cli.options import Common, common_options, format_option
from modelyard.cli.session import Session
from modelyard.wording import counted


@click.command(epilog="Examples: modelyard audit verify; modelyard audit log --format json")
@common_options
@format_option("text", "json")
@click.option("--head", metavar="HASH", help="verify: also that the journal still holds this earlier hash.")
@click.argument("verb", type=click.Choice(["verify", "log"]), default="verify")
def command(common: Common, form: str, head: str | None, verb: str) -> int:
    """Prove that no line of the journal was changed (verify), or print it (log)."""
    import json
    from dataclasses import asdict

    with Session(common).state() as state:
        if verb == "log":
            for entry in state.journal_entries(limit=100_000):
                line = f"{entry.seq:>6}  {entry.at}  {entry.by}  {entry.event}  {json.dumps(dict(entry.payload))}"
                click.echo(json.dumps(asdict(entry), default=str) if form == "json" else line)
            return 0
        check = state.verify_journal(head)
    if form == "json":
        click.echo(json.dumps(asdict(check)))
    elif check.ok:
        click.echo(f"The journal is whole: {counted(check.entries, 'line')}, head {check.head}")
    else:
        click.echo(f"The journal is broken at line {check.broken}: {check.why}", err=True)
    return 0 if check.ok else 1
