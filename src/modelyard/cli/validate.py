"""`modelyard validate`."""

import click

from modelyard.cli.options import Common, common_options, format_option
from modelyard.errors import ErrorGroup, ModelyardError


@click.command(epilog="Example: modelyard validate -e prod --format sarif > mlops.sarif")
@common_options
@format_option("text", "json", "sarif")
@click.argument("files", nargs=-1)
def command(common: Common, form: str, files: tuple[str, ...]) -> int:
    """Check the spec (or FILES): syntax, types, references, columns, metrics, conditions."""
    from dataclasses import replace

    from modelyard.spec.report import render_json, render_sarif, render_text

    problems: list[ModelyardError] = []
    checked: list[str] = []
    for each in [replace(common, file=file) for file in files] or [common]:
        try:
            checked.append(str(each.spec_path()))
            each.load()
        except ErrorGroup as group:
            problems += group.errors
        except ModelyardError as error:
            problems.append(error)
    if form == "json":
        click.echo(render_json(problems))
    elif form == "sarif":
        click.echo(render_sarif(problems))
    elif problems:
        click.echo(render_text(problems, environment=common.environment), err=True)
    else:
        where = f" (environment {common.environment})" if common.environment else ""
        common.say(f"{', '.join(checked)}: valid{where}")
    return 1 if problems else 0
