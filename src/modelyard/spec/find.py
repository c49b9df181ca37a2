"""Which file is the spec: the one that is named, or the nearest `mlops.yaml` from here upwards."""

from pathlib import Path

from modelyard.errors import ModelyardError

FILE_NAME = "mlops.yaml"


def find_spec(start: Path, name: str | None = None) -> Path:
    """The path of the spec. A `name` is taken relative to `start` and must exist; else folders are tried upwards.

    Raises ModelyardError where there is none.
    """
    start = start.absolute()
    if name is not None and len(Path(name).parts) != 1:
        found = start / name
        if found.exists():
            return found
        raise _none(f"there is no `{name}`")
    wanted = name or FILE_NAME
    for folder in (start, *start.parents):
        if (folder / wanted).exists():
            return folder / wanted
    if name is None and (start / "mlops.yml").exists():
        fix = "name it `mlops.yaml`, or give `-f mlops.yml`"
        raise ModelyardError("the spec is named `mlops.yml`", fix=fix, code="no-file")
    raise _none(f"there is no `{wanted}` here or in a folder above")


def _none(what: str) -> ModelyardError:
    fix = "`modelyard init` writes one; `-f FILE` names another, `-C DIR` another folder"
    return ModelyardError(what, fix=fix, code="no-file")
