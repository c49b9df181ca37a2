"""`modelyard graph`."""

import click

from modelyard.cli.options import Common, common_options, format_option
from modelyard.cli.session import Session


@click.command(epilog="Example: modelyard graph --format svg > graph.svg")
@common_options
@format_option("text", "mermaid", "dot", "svg", "json")
def command(common: Common, form: str) -> None:
    """Print the graph that the spec compiles into."""
    session = Session(common)
    if form == "json":
        import json

        from modelyard.graph.codec import graph_to_json

        click.echo(json.dumps(graph_to_json(session.graph), indent=2, ensure_ascii=False))
        return
    from modelyard.graph.views import render

    click.echo(render(session.graph, form))
