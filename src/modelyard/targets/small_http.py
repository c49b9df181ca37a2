"""One GET over a socket that is connected: what plans and health checks ask, again and again.

`http.client` brings the parsers of mail and of TLS with it: to import them takes longer than all that is asked here.
"""

import socket
import time
from collections.abc import Mapping
from typing import NamedTuple

_CHUNK = 1 << 16
_LONGEST_HEAD = 1 << 16


class Reply(NamedTuple):
    """Names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def get(connection: socket.socket, host: str, path: str, seconds: float, limit: int | None = None) -> Reply:
    """Ask as HTTP/1.0: no answer comes in chunks, and the server closes. At most `limit` bytes of the body are read.

    Raises OSError where no answer comes within `seconds`, and for what is no HTTP.
    """
    deadline = time.monotonic() + seconds
    connection.settimeout(seconds)
    connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    data = bytearray()
    while (end := data.find(b"\r\n\r\n")) < 0:
        if len(data) > _LONGEST_HEAD or not _more(connection, data, deadline):
            raise OSError("it answers something else than HTTP")
    status, headers = _head(bytes(data[:end]).decode("latin-1"))
    body = data[end + 4 :]
    whole = min(_number(headers.get("content-length")), _number(limit))
    while len(body) < whole and _more(connection, body, deadline):
        pass
    return Reply(status, headers, bytes(body[:limit]))


def _more(connection: socket.socket, data: bytearray, deadline: float) -> bool:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    connection.settimeout(left)
    received = connection.recv(_CHUNK)
    data += received
    return bool(received)


def _head(text: str) -> tuple[int, dict[str, str]]:
    first, *lines = text.split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/") or not rest[:3].isdecimal():
        raise OSError("it answers something else than HTTP")
    pairs = (line.partition(":") for line in lines)
    return int(rest[:3]), {name.strip().lower(): value.strip() for name, _, value in pairs}


def _number(value: object) -> float:
    """Without a word of how much comes, all of it."""
    text = str(value)
    return int(text) if text.isdecimal() else float("inf")
