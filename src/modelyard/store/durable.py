"""Files that are either whole or not there: temporary file, fsync, rename; and errors of the disk in plain words.

What is synced: objects, since they are all the bytes there are, and references, since they change in place. What is
not: manifests and results, which prove themselves when they are read (by digest, by shape), and directories. A power
cut can so take away the last moment's manifests, which are then missing and made again; it can leave nothing wrong.
A kill takes away nothing at all. On a busy disk a sync is 10 ms, and a small step would pay three of them.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelyard.errors import ModelyardError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def disk_errors(doing: str, at: Path) -> Iterator[None]:
    """Turn what a disk refuses into a ModelyardError that says what to do."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, doing, at) from error


def disk_error(error: OSError, doing: str, at: Path) -> ModelyardError:
    path = error.filename or at
    if error.errno in _FULL:
        fix = f"free some space on the disk of {at} and run the command again: what was finished is kept"
        return ModelyardError(f"the disk is full while {doing}", fix=fix, code="disk-full", details=[str(path)])
    if error.errno in _UNWRITABLE:
        fix = f"give this user read and write access to {at}, or set `store.path` to another folder"
        return ModelyardError(f"not allowed while {doing}: {path}", fix=fix, code="store-not-writable")
    return ModelyardError(f"{error.strerror or error} while {doing}: {path}", code="store-io")


def temporary(folder: Path) -> Path:
    """A new name in `folder` that says which process made it, so that leftovers of dead ones can be swept."""
    return folder / f"{os.getpid()}-{os.urandom(8).hex()}"


def write_all(fd: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def write_whole(path: Path, data: bytes, scratch: Path, *, sync: bool = False) -> None:
    """Put `data` at `path` atomically, and where `sync` durably. `scratch` is on the same disk. Raises OSError."""
    temp = temporary(scratch)
    try:
        fd = _create(temp)
        try:
            write_all(fd, data)
            if sync:
                os.fdatasync(fd)
        finally:
            os.close(fd)
        rename(temp, path)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise


def _create(temp: Path) -> int:
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    try:
        return os.open(temp, flags, 0o644)
    except FileNotFoundError:
        make_folder(temp.parent)
        return os.open(temp, flags, 0o644)


def make_folder(folder: Path) -> None:
    """With its parents; open to the group where the folder above is: a store that several users of a group write to."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    if folder.parent.stat().st_mode & stat.S_IWGRP:
        with suppress(PermissionError):  # somebody else of the group has just made it
            folder.chmod(folder.stat().st_mode | stat.S_IRWXG)


def rename(temp: Path, path: Path) -> None:
    try:
        temp.replace(path)
    except FileNotFoundError:
        make_folder(path.parent)
        temp.replace(path)
