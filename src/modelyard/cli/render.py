"""`modelyard render`."""

from pathlib import Path

import click

from modelyard.cli.options import Common, common_options
from modelyard.cli.session import Session
from modelyard.wording import counted


@click.command(epilog="Example: modelyard render -e prod --target-dir out/")
@common_options
@click.option("--target-dir", type=click.Path(path_type=Path, file_okay=False), default=Path("rendered"), metavar="DIR")
def command(common: Common, target_dir: Path) -> None:
    """Write the files that the environment's target would run. Deterministic and offline."""
    session = Session(common)
    files = session.target.render(session.graph)
    root = target_dir.resolve()
    for name, content in sorted(files.items()):
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise ValueError(f"{name} would leave {root}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    common.say(f"Wrote {counted(len(files), 'file')} into {target_dir}")
