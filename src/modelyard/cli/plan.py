"""`modelyard plan`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelyard.cli.options import Common, common_options, format_option
from modelyard.cli.session import Session, has_color, terminal_width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelyard.plan.definition import Plan
    from modelyard.plan.policies import Verdict


@click.command(epilog="Examples: modelyard plan -e prod; modelyard plan --against main --format markdown")
@common_options
@format_option("text", "json", "markdown")
@click.option("--select", multiple=True, metavar="ADDRESS", help="Only these (globs; `+x` with what it needs, `x+`).")
@click.option("--exclude", multiple=True, metavar="ADDRESS", help="All but these.")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan for `apply FILE`.")
@click.option("--against", metavar="GITREF", help="Compare with another commit, with no state and no data at hand.")
@click.option("--offline", is_flag=True, help="Do not look at what runs now.")
@click.option("--all", "every", is_flag=True, help="Show every line; fold nothing.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 where there are changes, 0 where there are none.")
def command(
    common: Common, form: str, select: tuple[str, ...], exclude: tuple[str, ...], out: Path | None,
    against: str | None, offline: bool, every: bool, detailed_exitcode: bool,
) -> int:  # fmt: skip
    """Show what apply would do, and why. Changes nothing, ever."""
    import gc

    from modelyard.api import judge_plan, make_plan

    gc.disable()  # all that a plan makes is needed until its end, which comes soon
    session = Session(common)
    if against:
        from modelyard.api import plan_against_commit

        plan = plan_against_commit(common.load(data=False), against)
        verdicts: Sequence[Verdict] = ()
    else:
        plan = make_plan(session.loaded, session.graph, select=select, exclude=exclude, observe=not offline)
        verdicts = judge_plan(plan, session.graph)
    again = _command(common, select, exclude, against)
    click.echo(view(plan, verdicts, form, common, every, again), nl=False)
    if out is not None:
        from modelyard.plan.planfile import save_plan

        save_plan(plan, session.graph, out)
        common.say(f"Saved to {out}; `modelyard apply {out}` does exactly this, or refuses if things moved.")
    if any(verdict.effect == "deny" for verdict in verdicts):
        return 1
    return 2 if detailed_exitcode and not plan.empty else 0


def _command(common: Common, select: tuple[str, ...], exclude: tuple[str, ...], against: str | None) -> str:
    """What makes the same plan again, in the same folder."""
    from shlex import join

    options = [("-f", common.file), ("-e", common.environment), ("--against", against)]
    words = [word for name, value in options if value for word in (name, value)]
    words += [f"--var={name}={value}" for name, value in common.variables.items()]
    words += [f"--select={pattern}" for pattern in select] + [f"--exclude={pattern}" for pattern in exclude]
    return join(["modelyard", "plan", *words])


def view(
    plan: "Plan", verdicts: "Sequence[Verdict]", form: str, common: Common, every: bool = False,
    again: str = "modelyard plan",
) -> str:  # fmt: skip
    """The plan in the format asked for; `again` is the command that makes it."""
    if form == "json":
        import json

        from modelyard.plan.json import plan_to_json

        return json.dumps(plan_to_json(plan, verdicts), indent=2, ensure_ascii=False) + "\n"
    if form == "markdown":
        from modelyard.plan.markdown import render_markdown

        return render_markdown(plan, verdicts=verdicts, command=again)
    from modelyard.plan.text import render_text

    return render_text(plan, verdicts=verdicts, color=has_color(common), width=terminal_width(), every=every)
