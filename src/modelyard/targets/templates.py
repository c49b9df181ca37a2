"""A target's folder: `target.yaml` names its files, each a Jinja template. Layout lives there, decisions here."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from modelyard.errors import ModelyardError
from modelyard.resources import resource_folder


def render_folder(name: str, values: Mapping[str, Any], folder: Path | None = None) -> dict[str, bytes]:
    """Render the files of target `name` (shipped, or a user's own `folder` of the same shape) with `values`.

    A file with `when: NAME` is written only where that value is not empty. Raises ModelyardError for a folder that is
    not a target's, and for a template that fails, with its line.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

    folder = folder or resource_folder("targets") / name
    # No HTML comes out of here: what a format wants escaped goes through `tojson`.
    environment = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,  # noqa: S701
    )
    files: dict[str, bytes] = {}
    for entry in _entries(folder):
        if entry.get("when") and not values[entry["when"]]:
            continue
        try:
            files[entry["path"]] = environment.get_template(entry["template"]).render(values).encode()
        except TemplateError as error:
            number = getattr(error, "lineno", None)
            line = f":{number}" if number else ""
            raise ModelyardError(f"{folder / entry['template']}{line}: {error.message}", code="template") from error
    return files


def _entries(folder: Path) -> list[dict[str, str]]:
    path = folder / "target.yaml"
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["files"]
        inside = all(not PurePosixPath(entry["path"]).is_absolute() and ".." not in entry["path"] for entry in entries)
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ModelyardError(f"{path} does not describe a target: {error}", code="target-folder") from error
    if not inside:
        raise ModelyardError(f"{path} names a file outside of the rendered folder", code="target-folder")
    return list(entries)
