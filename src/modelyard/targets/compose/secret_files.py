"""Secrets for services: one file each in a folder of this machine's memory, which `compose.yaml` mounts.

They have to be there for as long as the service may be restarted, with no command line around; they are never written
to a disk, and gone when the machine is switched off. The next apply puts them back.
"""

import hashlib
import os
import tempfile
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.secrets import resolve, value
from modelyard.targets.compose.definition import TOKENS, Service
from modelyard.targets.compose.names import Scope

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own in there, closed to others


def secrets_folder(scope: Scope) -> Path:
    """Where the secrets of one environment are, for its owner only."""
    base = _MEMORY if _MEMORY.is_dir() else Path(tempfile.gettempdir())
    name = hashlib.sha256(f"{scope.root}:{scope.compose_name}".encode()).hexdigest()[:12]
    return base / f"modelyard-{os.getuid()}" / f"{scope.compose_name}-{name}"


def values_of(service: Service, settings: Mapping[str, Any]) -> dict[str, str]:
    """By the name of the file: secrets whole, of tokens the first. Raises ModelyardError for one that is not set."""
    whole = {name: value(name, settings.get("secrets") or {}) for name in service.secrets}
    return whole | {name: resolve(text, settings).split(",")[0].strip() for name, text in service.tokens}


def values_beside(services: Iterable[Service], settings: Mapping[str, Any]) -> dict[str, str]:
    """Those of services that stay as they are, as far as they can be had here."""
    values: dict[str, str] = {}
    for service in services:
        with suppress(ModelyardError):  # not set in this shell: what was written before stays
            values |= values_of(service, settings)
    return values


def provide(scope: Scope, values: Mapping[str, str], owner: int, kept: Collection[str] = ()) -> set[str]:
    """Write them, and take away what is neither named nor to be kept; the names of those that differ from before."""
    folder = secrets_folder(scope)
    changed = set()
    if values:
        folder.mkdir(parents=True, exist_ok=True)
        for one in (folder.parent, folder):
            one.chmod(0o711)  # containers run as another user: they reach a file by its name, and list nothing
    for name, text in sorted(values.items()):
        path, content = folder / name, text.encode()
        if path.exists() and path.read_bytes() == content:
            continue
        changed.add(name)
        draft = folder / f".{name}"
        # Prometheus' image has a user of its own, who reads by our group.
        mode = 0o640 if name.startswith(TOKENS) else 0o600
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as stream:  # noqa: PTH123
            stream.write(content)
        if os.getuid() == 0:
            os.chown(draft, owner, 0)
        draft.replace(path)
    forget_others(scope, {*values, *kept})
    return changed


def forget_others(scope: Scope, names: Collection[str]) -> None:
    """Take away the secrets that nothing needs any more, and the folder with the last."""
    folder = secrets_folder(scope)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in names:
            path.unlink()
    with suppress(OSError):  # not there, or not empty
        folder.rmdir()
