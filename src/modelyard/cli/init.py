"""`modelyard init`."""

import shutil
from pathlib import Path

import click

from modelyard.errors import ModelyardError


@click.command(epilog="Examples: modelyard init my-project --from digits; modelyard init --data data/ --target price")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option("--from", "template", metavar="NAME", help="Start from this spec or example (`--list` names them).")
@click.option("--data", type=click.Path(path_type=Path), help="Look at this data, inside of DIRECTORY.")
@click.option("--target", metavar="COLUMN", help="With --data: the column to predict.")
@click.option("--list", "list_", is_flag=True, help="List what one can start from.")
@click.option("--force", is_flag=True, help="Overwrite an mlops.yaml that is there.")
def command(
    directory: Path, template: str | None, data: Path | None, target: str | None, list_: bool, force: bool
) -> None:
    """Start a project in DIRECTORY: a spec that works, and a .gitignore line for Modelyard's folder."""
    from modelyard.cli.scaffold import look_at, project_name, spec_for

    if list_:
        for name, about in _templates().items():
            click.echo(f"{name:<14} {about}")
        return
    spec = directory / "mlops.yaml"
    if spec.exists() and not force:
        raise ModelyardError(f"{spec} is there already", fix="Edit it, choose another folder, or say --force.")
    directory.mkdir(parents=True, exist_ok=True)
    if data is not None:
        at = data if data.is_absolute() or data.exists() else directory / data
        text = spec_for(look_at(at, directory), project_name(directory), target)
        spec.write_text(text, encoding="utf-8")
    else:
        _copy_template(template or "digits", directory)
    _ignore(directory)
    click.echo(f"Wrote {spec}. Next: cd {directory} && modelyard plan", err=True)


def _templates() -> dict[str, str]:
    """Names to start from, with the first comment line of each as its description."""
    from modelyard.resources import resource_folder

    found: dict[str, str] = {}
    for path in sorted(resource_folder("examples").glob("*/mlops.yaml")):
        found[path.parent.name] = _first_comment(path)
    for path in sorted(resource_folder("specs").glob("*.yaml")):
        found[path.stem] = _first_comment(path)
    return found


def _first_comment(path: Path) -> str:
    with path.open(encoding="utf-8") as stream:
        return stream.readline().lstrip("# ").strip()


def _copy_template(name: str, directory: Path) -> None:
    from modelyard.cli.scaffold import project_name
    from modelyard.nearest import closest
    from modelyard.resources import resource_folder

    example = resource_folder("examples") / name
    if (example / "mlops.yaml").is_file():
        # Not its lock either: a new project is computed with what is installed where it begins.
        ignored = shutil.ignore_patterns(".modelyard", "__pycache__", "*.pyc", "mlops.lock")
        shutil.copytree(example, directory, dirs_exist_ok=True, ignore=ignored)
        return
    base = resource_folder("specs") / f"{name}.yaml"
    if not base.is_file():
        near = closest(name, _templates())
        hint = f"Did you mean `{near}`?" if near else "`modelyard init --list` names them."
        raise ModelyardError(f"there is nothing to start from named `{name}`", fix=hint)
    text = f"# {_first_comment(base)}\nversion: 1\nproject: {project_name(directory)}\nextends: [modelyard:{name}]\n"
    (directory / "mlops.yaml").write_text(text, encoding="utf-8")


def _ignore(directory: Path) -> None:
    """Keep Modelyard's own folder out of git; what the file says already stays."""
    path = directory / ".gitignore"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if ".modelyard/" not in lines:
        path.write_text("\n".join([*lines, ".modelyard/"]) + "\n", encoding="utf-8")
