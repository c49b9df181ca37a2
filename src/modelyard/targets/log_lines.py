"""Lines of a log file: the last ones, and those to come."""

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

_TICK = 0.2


def log_lines(path: Path, number: int = 0, follow: bool = False) -> Iterator[str]:
    """The last `number` lines (0: all), without their ends; with `follow` also what is written from then on."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in deque(stream, maxlen=number) if number else stream:
            yield line.rstrip("\n")
        while follow:
            if line := stream.readline():
                yield line.rstrip("\n")
            else:
                time.sleep(_TICK)
