"""`modelyard runs`."""

import click

from modelyard.cli.options import Common, common_options, format_option
from modelyard.cli.session import Session
from modelyard.cli.table import print_table


@click.command(epilog="Example: modelyard runs training.detector -n 5")
@common_options
@format_option("text", "json")
@click.option("-n", "--number", type=click.IntRange(1), default=20, help="How many, newest first.")
@click.argument("address", required=False)
def command(common: Common, form: str, number: int, address: str | None) -> None:
    """Earlier runs (of ADDRESS) with how they ended and their metrics."""
    session = Session(common)
    with session.state() as state:
        runs = state.runs(session.graph.environment, address, limit=number)
    if form == "json":
        import json
        from dataclasses import asdict

        click.echo(json.dumps([asdict(run) for run in runs], indent=2, default=str))
        return
    if not runs:
        common.say("no runs yet")
        return
    from modelyard.plan.quantities import age, duration

    rows = []
    for run in runs:
        metrics = "  ".join(f"{name} {value:.4g}" for name, value in list(run.metrics.items())[:4])
        word = run.summary or run.error.partition("\n")[0] or metrics
        rows.append((run.run_id[:8], run.address, run.status, age(run.started_at), duration(run.seconds), word))
    print_table(("run", "address", "status", "started", "took", "result"), rows, common)
