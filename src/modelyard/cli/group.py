"""The table of commands. Help is listed from here, so that no command is imported to print it."""

from importlib import import_module

import click

COMMANDS = {
    "init": "Start a project: from a template, or from a look at a data folder.",
    "validate": "Check the spec; every mistake with its place and its remedy.",
    "plan": "Show what apply would do, and why. Changes nothing.",
    "diff": "What apply would change of a cluster's objects, whole.",
    "build": "Build the images that a target runs, and push them.",
    "apply": "Do what plan shows.",
    "status": "What runs, in which version, since when.",
    "predict": "Send a picture or rows to an endpoint.",
    "show": "One address: its settings, last result, metrics, versions.",
    "explain": "Why an address would rerun, what it reads and writes.",
    "runs": "Earlier runs with their metrics.",
    "logs": "The log of a step or a service.",
    "graph": "The graph as text, Mermaid, DOT or SVG.",
    "lock": "Resolve the declared packages into mlops.lock.",
    "fmt": "Bring the spec into its one order; comments are kept.",
    "schema": "The JSON Schema of mlops.yaml, for editors.",
    "render": "Write the files that a target would run.",
    "destroy": "Take away what apply made, and only that.",
    "audit": "Prove that no line of the journal was changed.",
    "doctor": "What is installed here, and what is missing.",
    "completion": "Print the shell's completion script.",
    "version": "The version of Modelyard.",
}


class LazyGroup(click.Group):
    """A click group that imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"modelyard.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from modelyard.nearest import closest

            near = closest(args[0], COMMANDS)
            hint = f"Did you mean `{near}`?" if near else "`modelyard --help` lists the commands."
            raise click.UsageError(f"No command `{args[0]}`. {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        from modelyard import __version__

        click.echo(f"modelyard {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="A first look: `modelyard init --from digits`, `modelyard plan`, `modelyard apply`.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="The version."
)
def cli() -> None:
    """One mlops.yaml, from data to alerts: validate it, plan a change, apply it."""
