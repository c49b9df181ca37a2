"""Folders of the project that containers write to: there, and writable for whoever the containers run as."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

_SHARED = stat.S_IRWXG
_SUFFIXES = (".db", ".db-wal", ".db-shm", ".lock")


def container_user(rootless: bool = False) -> str:
    """`uid:gid`: ours, so that what they write is ours; where we are root, a user without rights in our group.

    In a rootless engine, root inside is we outside.
    """
    if rootless:
        return "0:0"
    return "10001:0" if os.getuid() == 0 else f"{os.getuid()}:{os.getgid()}"


def give_access(folders: Iterable[Path]) -> None:
    """Make the folders; where we are root, open them and all that is below them to our group. Raises OSError."""
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            _open_to_group(folder)


def _open_to_group(folder: Path) -> None:
    _add(folder)
    for parent, below, files in os.walk(folder):
        for name in below:
            _add(Path(parent, name))
        for name in files:
            if name.endswith(_SUFFIXES):
                _add(Path(parent, name))


def _add(path: Path) -> None:
    mode = path.lstat().st_mode
    wanted = mode | (_SHARED if stat.S_ISDIR(mode) else stat.S_IRGRP | stat.S_IWGRP)
    if wanted != mode and not stat.S_ISLNK(mode):
        path.chmod(stat.S_IMODE(wanted))
