"""`modelyard validate`."""

import click

from modelyard.cli.guard import show_error
from modelyard.cli.options import Common, common_options, format_option
from modelyard.errors import ErrorGroup, ModelyardError


@click.command(epilog="Example: modelyard validate -e prod --format sarif > mlops.sarif")
@common_options
@format_option("text", "json", "sarif")
@click.argument("files", nargs=-1)
def command(common: Common, form: str, files: tuple[str, ...]) -> int:
    """Check the spec (or FILES): syntax, types, references, columns, metrics, conditions."""
    import json
    from dataclasses import replace

    from modelyard import __version__
    from modelyard.spec.report import report_json, report_sarif

    problems: list[ModelyardError] = []
    checked: list[str] = []
    for each in [replace(common, file=file) for file in files] or [common]:
        try:
            checked.append(str(each.spec_path()))
            each.load()
        except ModelyardError as error:
            problems.append(error)
    found = _joined(problems)
    if form == "sarif":
        click.echo(json.dumps(report_sarif(found, tool_version=__version__), indent=2, ensure_ascii=False))
    elif form == "json":
        data = report_json(found) if found else {"version": 1, "errors": []}
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    elif problems:
        for problem in problems:
            show_error(problem)
    else:
        where = f" (environment {common.environment})" if common.environment else ""
        common.say(f"{', '.join(checked)}: valid{where}")
    return 1 if problems else 0


def _joined(problems: list[ModelyardError]) -> ModelyardError | None:
    """Every mistake of every file as one group; None where there is none."""
    if len(problems) <= 1:
        return problems[0] if problems else None
    each = [
        error for problem in problems for error in (problem.errors if isinstance(problem, ErrorGroup) else [problem])
    ]
    return ErrorGroup(each)
