"""Manifests: a folder as a sorted list of (path, size, digest), and the rules for what may be in one."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelyard.digests import canonical_json
from modelyard.errors import ModelyardError

_DIGEST = re.compile(r"b3:[0-9a-f]{64}")
_DRIVE = re.compile(r"[A-Za-z]:")  # here, so that processes forked from a warm one have it


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One file of a tree; `path` is relative, with `/`."""

    path: str
    size: int
    digest: str


def hex_of(digest: str) -> str:
    """The hexadecimal part of a digest. Raises ModelyardError for what is not one."""
    if not _DIGEST.fullmatch(digest):
        raise ModelyardError(f"`{digest}` is not a digest", fix="b3: and 64 hexadecimal digits", code="bad-digest")
    return digest[3:]


def encode_manifest(entries: Sequence[Entry]) -> bytes:
    """The bytes whose digest names the tree. Times and modes are not in it: the same files are the same tree."""
    return canonical_json([[entry.path, entry.size, entry.digest] for entry in sorted(entries)])


def decode_manifest(data: bytes) -> tuple[Entry, ...]:
    """Parse and check a manifest. Raises ValueError for what could write outside of a folder or is malformed."""
    entries = tuple(Entry(path, size, digest) for path, size, digest in json.loads(data))
    for entry in entries:
        if not isinstance(entry.size, int) or entry.size < 0 or not _DIGEST.fullmatch(entry.digest):
            raise ValueError(f"malformed entry {entry.path!r}")
        if not is_safe(entry.path):
            raise ValueError(f"the path {entry.path!r} leaves its folder")
    return entries


def is_safe(path: str) -> bool:
    """Whether a manifest's path stays inside of the folder it is written to, on every platform."""
    if not path or path.startswith("/") or "\\" in path or "\0" in path or _DRIVE.match(path):
        return False
    return all(part not in {"", ".", ".."} for part in path.split("/"))


def scan(folder: Path) -> list[tuple[str, Path]]:
    """Every file under `folder` as (relative path, file to read), sorted. Raises ModelyardError, OSError.

    A link to a file is followed while it stays inside of `folder`; links to folders, and what is neither file nor
    folder, are refused: a tree that depends on what lies elsewhere is not known by its content.
    """
    if not folder.is_dir():
        raise ModelyardError(f"{folder} is not a folder", code="not-a-folder")
    base = os.path.realpath(folder)
    return sorted(_walk(base, "", base))


def _walk(folder: str, prefix: str, base: str) -> Iterator[tuple[str, Path]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            relative = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, relative + "/", base)
            else:
                _check_name(relative)
                yield relative, _readable(entry, relative, base)


def _check_name(relative: str) -> None:
    try:
        relative.encode()
    except UnicodeEncodeError as error:
        raise _refused(f"the file name {relative!r} is not UTF-8", "rename the file") from error
    if not is_safe(relative):
        raise _refused(f"the file name {relative!r} cannot be kept", "rename the file without `\\` and `:`")


def _readable(entry: os.DirEntry[str], relative: str, base: str) -> Path:
    if entry.is_file(follow_symlinks=False):
        return Path(entry.path)
    if not entry.is_symlink():
        raise _refused(f"{relative} is neither a file nor a folder", "leave only files and folders in an output")
    real = os.path.realpath(entry.path)
    if not real.startswith(base + os.sep):
        raise _refused(f"{relative} is a link to {real}, outside of its folder", "copy the file in place of the link")
    if not Path(real).is_file():
        raise _refused(f"{relative} is a link to no file", "remove the link, or copy what it should point to")
    return Path(real)


def _refused(what: str, fix: str) -> ModelyardError:
    return ModelyardError(what, fix=fix, code="bad-output")
