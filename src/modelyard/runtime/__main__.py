"""`python -m modelyard.runtime NODE.json`: the one entry, in a process here as in a container anywhere."""

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from modelyard import processes
from modelyard.errors import ModelyardError
from modelyard.logs import CappedSink, RotatingFile, Sink, write_all
from modelyard.runtime.leash import take_leash, take_variables
from modelyard.runtime.memory import MemoryWatch
from modelyard.runtime.running import run_document
from modelyard.runtime.warden import Warden
from modelyard.secrets import Redactor, known_values
from modelyard.task import TaskDocument, decode_event, encode_event
from modelyard.trials import trial_of

GRACE = 5.0


def main(arguments: Sequence[str]) -> int:
    """Run NODE.json's task or service; 0 when it went well, 143 when it was asked to end, else its failure.

    With `--trial NAME X=1 …` after it, one trial of its study.
    `MODELYARD_LOG` names a file that takes the output instead of stdout; `MODELYARD_DETACHED` lets it outlive whoever
    started it; `MODELYARD_GRACE` is the time in seconds between SIGTERM and SIGKILL; `MODELYARD_MEMORY` the
    bytes that a task's processes may hold together. With `MODELYARD_LEASH=stdin`, secrets are the first line of stdin,
    and the end of stdin is as good as SIGTERM. `MODELYARD_VARIABLES` names a file of more variables.
    """
    leash = take_leash()
    take_variables()
    try:
        document = TaskDocument.from_json(json.loads(Path(arguments[0]).read_text()))
        if arguments[1:]:
            document = replace(document, study=trial_of(arguments[1:]))
    except (IndexError, OSError, ValueError, KeyError, TypeError, ModelyardError) as error:
        what = f"cannot read the task document: {error}" if arguments else "say which: modelyard.runtime NODE.json"
        print(encode_event({"event": "error", "what": what, "code": "bad-document"}), flush=True)  # noqa: T201
        return 2
    if leash is None and not os.environ.get("MODELYARD_DETACHED"):
        processes.die_with_parent(signal.SIGTERM)
    service = document.node["role"] == "service"
    sink, write_event = _channels(service)
    redactor = Redactor(known_values(document.node["config"], document.settings))
    grace = float(os.environ.get("MODELYARD_GRACE", GRACE))
    memory = MemoryWatch(limit) if (limit := int(os.environ.pop("MODELYARD_MEMORY", 0))) else None
    warden = Warden(sink, write_event, redactor, grace, service=service, leash=leash, memory=memory)
    return warden.run(lambda emit: run_document(document, emit))


def _channels(service: bool) -> tuple[Sink, Callable[[bytes], object]]:
    """Where output goes, and where events go: to stdout; of a service, which nobody listens to, as plain words."""
    if path := os.environ.get("MODELYARD_LOG"):
        log = RotatingFile(Path(path))
        return log, lambda line: log.write(_in_words(line))
    write = write_all(1)
    if service:
        return _Plain(write), lambda line: write(_in_words(line))
    return CappedSink(write), write


class _Plain:
    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def write(self, data: bytes) -> None:
        self._write(data)

    def finish(self) -> None:
        """Nothing is held back."""


def _in_words(line: bytes) -> bytes:
    event = decode_event(line.decode().rstrip("\n")) or {}
    words = [str(event[key]) for key in ("text", "what", "fix") if event.get(key)]
    return f"{event.get('event', '')}: {'. '.join(words)}\n".encode() if words else b""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
