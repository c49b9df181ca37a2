"""Secrets for services: one file each in a folder of this machine's memory, which `compose.yaml` mounts.

They have to be there for as long as the service may be restarted, with no command line around; they are never written
to a disk, and gone when the machine is switched off. The next apply puts them back.
"""

import hashlib
import os
import tempfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelyard.secrets import value
from modelyard.targets.compose.names import Scope

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own in there, closed to others


def secrets_folder(scope: Scope) -> Path:
    """Where the secrets of one environment are, for its owner only."""
    base = _MEMORY if _MEMORY.is_dir() else Path(tempfile.gettempdir())
    name = hashlib.sha256(f"{scope.root}:{scope.compose_name}".encode()).hexdigest()[:12]
    return base / f"modelyard-{os.getuid()}" / f"{scope.compose_name}-{name}"


def provide(scope: Scope, names: Collection[str], sources: Mapping[str, Any], owner: int) -> bool:
    """Write the values, and take away what is not named; whether any differs from before. Raises ModelyardError."""
    folder = secrets_folder(scope)
    changed = False
    if names:
        folder.mkdir(parents=True, exist_ok=True)
        for one in (folder.parent, folder):
            one.chmod(0o711)  # containers run as another user: they reach a file by its name, and list nothing
    for name in sorted(names):
        path, content = folder / name, value(name, sources).encode()
        if path.exists() and path.read_bytes() == content:
            continue
        changed = True
        draft = folder / f".{name}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:  # noqa: PTH123
            stream.write(content)
        if os.getuid() == 0:
            os.chown(draft, owner, 0)
        draft.replace(path)
    forget_others(scope, names)
    return changed


def forget_others(scope: Scope, names: Collection[str]) -> None:
    """Take away the secrets that nothing needs any more, and the folder with the last."""
    folder = secrets_folder(scope)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in names:
            path.unlink()
    with suppress(OSError):  # not there, or not empty
        folder.rmdir()
