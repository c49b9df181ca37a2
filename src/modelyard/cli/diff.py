"""`modelyard diff`."""

import json
from dataclasses import asdict
from fnmatch import fnmatchcase

import click

from modelyard.cli.options import Common, common_options, format_option
from modelyard.cli.session import Session, has_color
from modelyard.errors import ModelyardError


@click.command(epilog="Examples: modelyard diff -e prod; modelyard diff -e prod serving.api --detailed-exitcode")
@common_options
@format_option("text", "json")
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 where there are differences, 0 where there are none.")
def command(common: Common, form: str, addresses: tuple[str, ...], detailed_exitcode: bool) -> int:
    """What apply would change of a cluster's objects, and who changed what is not as it was left.

    The server itself is asked, by a dry run. ADDRESS takes globs; without one all objects are compared, those that
    the whole environment shares too.
    """
    session = Session(common)
    target = session.target
    if target.name != "kubernetes":
        raise ModelyardError(
            f"the target {target.name} keeps no objects to compare",
            fix="`modelyard plan` shows what apply would change here; give an environment on a cluster: `-e NAME`",
            code="no-objects",
        )
    for address in addresses:
        if not any(fnmatchcase(known, address) for known in session.graph.nodes):
            session.node(address)
    changes = [
        change
        for change in target.observe(session.graph).objects
        if not addresses or any(fnmatchcase(change.address or "", address) for address in addresses)
    ]
    if form == "json":
        click.echo(json.dumps([asdict(change) for change in changes], indent=2, ensure_ascii=False))
    else:
        from modelyard.plan.differences import render_differences

        click.echo(render_differences(changes, color=has_color(common)), nl=False)
        if not changes:
            common.say("No differences: the cluster is as an apply would leave it.")
    return 2 if detailed_exitcode and changes else 0
