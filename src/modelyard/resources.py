"""What travels with the package: shipped specs, targets and schemas.

A wheel carries them in `modelyard/data/`; in a checkout they are the folders of the same name at its top level.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource_folder(name: str) -> Path:
    """The folder of `specs`, `targets` or `schemas`. Raises FileNotFoundError where the install is broken."""
    for folder in (_PACKAGE / "data" / name, _PACKAGE.parent.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"modelyard's own folder `{name}` is missing; install the package again")
