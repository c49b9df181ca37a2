"""Held by whoever started us, where that is another machine's process: what comes on stdin, and that it stays open.

In a container no parent's death is felt, and an environment variable of a container is kept on the engine's disk. So
secrets come on stdin, once, and the end of stdin tells that nobody is there any more.
"""

import json
import os


def take_leash() -> int | None:
    """The descriptor whose end means the end, or None where nobody holds us so. Secrets are in our environment then.

    Stdin itself is empty from here on, as on any machine: a program of the user's that reads it must not wait for ever.
    """
    if os.environ.pop("MODELYARD_LEASH", "") != "stdin":
        return None
    leash = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    line = b""
    while not line.endswith(b"\n"):
        more = os.read(leash, 1)  # not one byte more than the line: the rest is nobody's to buffer
        if not more:
            return leash  # whoever started us went at once, and so will we
        line += more
    os.environ.update(json.loads(line))
    return leash


def take_variables() -> None:
    """Variables from the file that `MODELYARD_VARIABLES` names, JSON, where it is there and not empty: a service's."""
    path = os.environ.pop("MODELYARD_VARIABLES", "")
    if path and os.path.exists(path):  # noqa: PTH110 - nothing else here needs a Path
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            os.environ.update(json.loads(file.read() or "{}"))
