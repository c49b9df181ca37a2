"""Is it ready? Asked over HTTP, in a thread, so that a server that hangs holds up no other.

`python -m modelyard.targets.probing URL` asks once, and exits with 1 where it is not: a container's health check.
"""

import http.client
import json
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

_TIMEOUT = 2.0
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
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", parts.path or "/", headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read(65536)
    except (OSError, http.client.HTTPException) as error:
        return Answer(False, f"no answer from {url}: {error}")
    finally:
        connection.close()
    if response.status >= 300:
        return Answer(False, f"{url} answers {response.status}")
    version = None
    with suppress(ValueError, AttributeError):
        version = json.loads(body).get("version")
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
