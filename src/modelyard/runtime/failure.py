"""How a step failed, as one `error` event that a person can act on."""

import os
import sys
import traceback
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError

_OURS = str(Path(__file__).resolve().parent.parent)


def error_event(error: BaseException) -> dict[str, Any]:
    """Turn what a step raised into an event; what was not meant for people is also shown whole in the log."""
    if isinstance(error, ModelyardError):
        event: dict[str, Any] = {"event": "error", "what": error.what, "fix": error.fix, "code": error.code}
        event |= {"details": list(error.details)} if error.details else {}
        event |= {"signal": error.signal} if hasattr(error, "signal") else {}
        return event
    traceback.print_exception(type(error), error, _users_part(error), file=sys.stderr)
    if isinstance(error, MemoryError):
        fix = "give it more memory, or less to hold at once"
        return {"event": "error", "what": "memory ran out", "fix": fix, "code": "out-of-memory"}
    if isinstance(error, OSError) and error.errno == 28:
        return {
            "event": "error",
            "what": f"the disk is full{f' ({error.filename})' if error.filename else ''}",
            "fix": "free some space and apply again: it goes on from here",
            "code": "disk-full",
        }
    return {"event": "error", "what": _one_line(error), "fix": _place(error), "code": "step-raised"}


def _one_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:500]}" if text else type(error).__name__


def _users_part(error: BaseException) -> Any:
    """The traceback from the first frame that is not ours on, or the whole of it where all frames are."""
    frame = error.__traceback__
    while frame is not None:
        name = frame.tb_frame.f_code.co_filename
        if not name.startswith((_OURS, "<frozen importlib")) and "importlib" not in name:
            return frame
        frame = frame.tb_next
    return error.__traceback__


def _place(error: BaseException) -> str | None:
    """The user's own line where it happened: the innermost frame inside of the project."""
    root = str(Path.cwd()) + os.sep
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(root) and "site-packages" not in frame.filename:
            return f"see {os.path.relpath(frame.filename)}:{frame.lineno}, in {frame.name}"
    return None
