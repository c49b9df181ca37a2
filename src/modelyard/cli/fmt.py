"""`modelyard fmt`."""

import click

from modelyard.cli.options import Common, common_options


@click.command(epilog="Example: modelyard fmt --check")
@common_options
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where something would change.")
@click.argument("files", nargs=-1)
def command(common: Common, check: bool, files: tuple[str, ...]) -> int:
    """Bring the spec (or FILES) into its one order and indent; comments are kept."""
    from dataclasses import replace

    from modelyard.spec.edit import fmt

    changed = 0
    for each in [replace(common, file=file) for file in files] or [common]:
        path = each.spec_path()
        before = path.read_text(encoding="utf-8")
        after = fmt(before, str(path))
        if before == after:
            continue
        changed += 1
        common.say(f"{path}: {'would change' if check else 'formatted'}")
        if not check:
            from modelyard.files import write_whole

            write_whole(path, after, sync=True)
    if not changed:
        common.say("nothing to change")
    return 1 if check and changed else 0
