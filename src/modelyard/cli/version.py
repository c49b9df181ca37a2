"""`modelyard version`."""

import click

from modelyard import __version__


@click.command(epilog="Example: modelyard version")
def command() -> None:
    """Print the version of Modelyard."""
    click.echo(f"modelyard {__version__}")
