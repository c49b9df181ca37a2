"""A file that is there whole or not at all, whatever kills us."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write beside, sync, and put in place by one rename. Raises OSError."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    with draft.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
