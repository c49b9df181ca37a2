"""A file that is there whole or not at all, whatever kills us and however full the disk is."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes | str, *, sync: bool = False, mode: int | None = None) -> None:
    """Put `content` (text as UTF-8) at `path` by one rename: a reader sees the old file or the new one.

    `sync` holds it against a power cut as well. Without `mode` the file keeps the permissions of the one before it.
    Folders are made. Raises OSError, and leaves nothing behind then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name[:200]}.{os.getpid()}-{os.urandom(4).hex()}")
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode)
        with open(fd, "wb") as stream:  # noqa: PTH123
            stream.write(content.encode() if isinstance(content, str) else content)
            if mode is None:
                mode = path.stat().st_mode & 0o777 if path.exists() else None
            if mode is not None:
                draft.chmod(mode)
            if sync:
                stream.flush()
                os.fsync(fd)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
