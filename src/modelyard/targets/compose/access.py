"""Folders of the project that containers write to: there, and open to whoever the containers run as."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

_WRITTEN = (".db", ".db-wal", ".db-shm", ".lock")


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


def open_database(path: Path) -> None:
    """Where we are root, let our group write to an SQLite file, and to its journal beside it."""
    if os.getuid() != 0:
        return
    _add(path.parent, stat.S_IRWXG)
    for file in path.parent.glob(f"{path.name}*"):
        _add(file, stat.S_IRGRP | stat.S_IWGRP)


def _open_to_group(folder: Path) -> None:
    _add(folder, stat.S_IRWXG)
    for parent, below, files in os.walk(folder):
        for name in below:
            _add(Path(parent, name), stat.S_IRWXG)
        for name in files:
            _add(Path(parent, name), stat.S_IRGRP | (stat.S_IWGRP if name.endswith(_WRITTEN) else 0))


def _add(path: Path, rights: int) -> None:
    try:
        mode = path.lstat().st_mode
        if mode | rights != mode and not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode | rights))
    except FileNotFoundError:  # another task's, which has ended meanwhile
        return
