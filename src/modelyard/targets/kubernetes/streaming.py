"""Lines of an answer that comes over time, with a look at whoever wants it to end: a blocked read cannot be asked."""

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

_PART = 65536


def lines_of(response: Any, stop: threading.Event | None, tick: float) -> Iterator[bytes | None]:
    """Its lines without their ends; None after each `tick` seconds of silence. Ends when it does, or with `stop`.

    Raises OSError where the connection broke.
    """
    found: queue.Queue[bytes | BaseException | None] = queue.Queue(maxsize=1000)
    over = threading.Event()
    threading.Thread(target=_read, args=(response, found, over), daemon=True).start()
    try:
        while not (stop and stop.is_set()):
            try:
                line = found.get(timeout=tick)
            except queue.Empty:
                yield None
                continue
            if line is None:
                return
            if isinstance(line, BaseException):
                raise OSError(f"the stream broke: {line}") from line
            yield line
    finally:
        over.set()
        _end(response)


def _read(response: Any, found: "queue.Queue[bytes | BaseException | None]", over: threading.Event) -> None:
    last: BaseException | None = None
    rest = b""
    try:
        while part := response.read1(_PART):
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                _put(found, line, over)
        if rest:
            _put(found, rest, over)
    except Exception as error:  # noqa: BLE001 - whatever breaks a read is told to who reads the lines
        last = error
    _put(found, last, over)


def _put(found: "queue.Queue[Any]", item: Any, over: threading.Event) -> None:
    while not over.is_set():
        with suppress(queue.Full):
            found.put(item, timeout=0.5)
            return


def _end(response: Any) -> None:
    """Wake the thread that reads, then give the connection up."""
    with suppress(Exception):
        response.shutdown()
    with suppress(Exception):
        response.close()
