"""A target's folder: `target.yaml` names its files, each a Jinja template. Layout lives there, decisions here."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from modelyard.errors import ModelyardError
from modelyard.resources import resource_folder
from modelyard.targets.flow import flow

if TYPE_CHECKING:
    from jinja2 import Environment, Template


def render_folder(name: str, values: Mapping[str, Any], folder: Path | None = None) -> dict[str, bytes]:
    """Render the files of target `name` (shipped, or a user's own `folder` of the same shape) with `values`.

    A file with `when: NAME` is written only where that value is not empty. One with `each: NAME` is written once for
    each item of that value, which the template and the path (`path: "{{ item.file }}.yaml"`) see as `item`. Raises
    ModelyardError for a folder that is not a target's, and for a template that fails, with its line.
    """
    from jinja2 import TemplateError

    folder = folder or resource_folder("targets") / name
    environment = environment_of(folder)
    files: dict[str, bytes] = {}
    for entry in _entries(folder):
        if entry.get("when") and not values[entry["when"]]:
            continue
        try:
            template = environment.get_template(entry["template"])
            for path, seen in _each(entry, environment, values):
                files[path] = template.render(seen).encode()
        except TemplateError as error:
            number = getattr(error, "lineno", None)
            line = f":{number}" if number else ""
            raise ModelyardError(f"{folder / entry['template']}{line}: {error.message}", code="template") from error
    if not all(map(_inside, files)):
        raise ModelyardError(f"{folder / 'target.yaml'} names a file outside of the rendered folder", code=_CODE)
    return files


_CODE = "target-folder"


def _each(
    entry: Mapping[str, str], environment: "Environment", values: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if "each" not in entry:
        yield entry["path"], values
        return
    path = _path(environment, entry["path"])
    for item in values[entry["each"]]:
        seen = {**values, "item": item}
        yield path.render(seen), seen


@lru_cache(maxsize=256)
def _path(environment: "Environment", text: str) -> "Template":
    return environment.from_string(text)


@lru_cache(maxsize=16)
def environment_of(folder: Path) -> "Environment":
    """Kept, since a template is compiled when it is first used; one that was edited is read anew."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # No HTML comes out of here: what a format wants escaped goes through `tojson`, or `flow` in YAML.
    made = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,  # noqa: S701
    )
    made.filters["flow"] = flow
    return made


def _entries(folder: Path) -> tuple[dict[str, str], ...]:
    path = folder / "target.yaml"
    try:
        return _read_entries(path, path.stat().st_mtime_ns)
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ModelyardError(f"{path} does not describe a target: {error}", code=_CODE) from error


@lru_cache(maxsize=16)
def _read_entries(path: Path, changed: int) -> tuple[dict[str, str], ...]:
    """As it was when it was last `changed`: while a pipeline runs, each task asks for it."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["files"]
    if not all(_inside(entry["path"]) for entry in entries):
        raise ModelyardError(f"{path} names a file outside of the rendered folder", code=_CODE)
    return tuple(entries)


def _inside(path: str) -> bool:
    return not PurePosixPath(path).is_absolute() and ".." not in path
