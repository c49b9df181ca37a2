"""`modelyard completion`: click's own completion scripts."""

import click


@click.command(epilog='Example: eval "$(modelyard completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of SHELL."""
    from click.shell_completion import get_completion_class

    from modelyard.cli.group import cli

    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"No completion for {shell}.")
    click.echo(completion(cli, {}, "modelyard", "_MODELYARD_COMPLETE").source())
