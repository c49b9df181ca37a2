"""Is it ready? Asked over HTTP, in a thread, so that a server that hangs holds up no other.

`python -m modelyard.targets.probing URL` asks once, and exits with 1 where it is not: a container's health check.
"""

import json
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from modelyard.targets.small_http import get

_TIMEOUT = 2.0
_LARGEST = 1 << 16
PROBES = {"serve": "/v2/health/ready", "tracking": "/health", "grafana": "/api/health"}
"""What a kind of service is asked, unless its spec says otherwise."""


@dataclass(frozen=True)
class Answer:
    ready: bool
    detail: str = ""
    version: str | None = None


def ask(url: str) -> Answer:
    """One GET; ready means a 2xx. A JSON answer may name the `version` that is served."""
    parts = urlsplit(url)
    host = parts.hostname or "127.0.0.1"
    try:
        with socket.create_connection((host, parts.port or 80), timeout=_TIMEOUT) as connection:
            response = get(connection, parts.netloc, parts.path or "/", _TIMEOUT, _LARGEST)
    except OSError as error:
        return Answer(False, f"no answer from {url}: {error}")
    if response.status >= 300:
        return Answer(False, f"{url} answers {response.status}")
    version = None
    with suppress(ValueError, AttributeError):
        version = json.loads(response.body).get("version")
    return Answer(True, "", None if version is None else str(version))


class Prober:
    """Asks again and again while its service runs; `answer` is the latest, None before the first."""

    def __init__(self, url: str) -> None:
        self.answer: Answer | None = None
        self._url = url
        self._over = threading.Event()
        threading.Thread(target=self._ask, daemon=True).start()

    def _ask(self) -> None:
        began = time.monotonic()
        while not self._over.is_set():
            self.answer = ask(self._url)
            eager = not self.answer.ready and time.monotonic() - began < 30
            self._over.wait(0.1 if eager else 1.0)

    def stop(self) -> None:
        self._over.set()


if __name__ == "__main__":
    sys.exit(0 if ask(sys.argv[1]).ready else 1)
