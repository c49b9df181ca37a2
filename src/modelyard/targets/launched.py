"""A task's process as an executor sees it, wherever that runs."""

import select
from typing import Protocol


def readable(fd: int, wait: float) -> bool:
    """Whether there is something to read within `wait` seconds (by poll: select has no room above 1,024)."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(wait * 1000))


class Launched(Protocol):
    """A runtime process. `output` is the reading end of its stdout and stderr, to be closed by whoever reads it."""

    output: int

    def exit_code(self, wait: float) -> int | None:
        """How it ended, or None where it has not within `wait` seconds."""
        ...

    def signal(self, signum: int) -> None: ...

    def close(self) -> None: ...
