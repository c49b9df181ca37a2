"""One request to the API server, made again where that is safe and promises to help.

API servers push back (429 with Retry-After), restart while a control plane is upgraded (refused and cut connections,
5xx), and rotate tokens. A server that has answered once is waited for; one that never did is told of at once.
"""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.api_errors import Asked, unreachable
from modelyard.targets.kubernetes.connecting import Connection
from modelyard.targets.kubernetes.refusing import refusal

PATIENCE = 90.0
"""Seconds for which one request is made again and again, waits included."""
_AT_FIRST = 2  # attempts at a server that has not answered yet
_CONNECT, _READ = 5.0, 60.0
_AGAIN = frozenset({429, 502, 503, 504})


@dataclass
class Requester:
    """Thread-safe. `sleep` and `patience` are for tests."""

    connection: Connection
    patience: float = PATIENCE
    sleep: Callable[[float], None] = time.sleep
    _answered: bool = False
    _renewing: threading.Lock = field(default_factory=threading.Lock)

    def send(
        self,
        method: str,
        path: str,
        asked: Asked,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """The answer's JSON. Raises ModelyardError, a `Refusal` where the server itself said no."""
        response = self._send(method, path, asked, query, body, content_type, stream=False)
        return dict(json.loads(response.data)) if response.data else {}

    def stream(self, path: str, asked: Asked, query: Mapping[str, Any]) -> Any:
        """The urllib3 response to a GET whose body comes over time."""
        return self._send("GET", path, asked, query, None, "", stream=True)

    def _send(
        self, method: str, path: str, asked: Asked, query: Mapping[str, Any] | None, body: Any, content_type: str,
        *, stream: bool,
    ) -> Any:  # fmt: skip
        began = time.monotonic()
        attempt, renewed, unheard = 0, False, False
        while True:
            attempt += 1
            response, error = self._once(method, path, query, body, content_type, stream)
            if response is not None and response.status < 300:
                return response
            if response is not None and response.status == 401 and not renewed:
                renewed = True
                self._renew()
                continue
            said = _status_of(response)
            wait = self._wait_for(method, response, said, attempt)
            if wait is None or time.monotonic() - began + wait > self.patience:
                if response is None:
                    raise unreachable(asked.cluster, error or OSError("no answer"), self.connection.host) from error
                refused = refusal(response.status, said, asked)
                refused.unheard = unheard
                raise refused
            unheard = unheard or response is None or response.status >= 500
            self.sleep(wait)

    def _once(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: Any, content_type: str, stream: bool
    ) -> tuple[Any, Exception | None]:
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        connection = self.connection
        headers = {"Accept": "*/*" if stream else "application/json", "User-Agent": "modelyard", **connection.headers()}
        if body is not None:
            headers["Content-Type"] = content_type
        address = f"{connection.host}{path}{f'?{urlencode(query)}' if query else ''}"
        try:
            response = connection.pool.request(
                method,
                address,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=Timeout(connect=_CONNECT, read=None if stream else _READ),
                preload_content=not stream,
                retries=False,
            )
        except (HTTPError, OSError) as error:
            return None, error
        self._answered = True
        return response, None

    def _wait_for(self, method: str, response: Any, said: Mapping[str, Any], attempt: int) -> float | None:
        """Seconds until the next attempt; None where there is no use or no safety in one."""
        if response is None:
            # A cut POST may have been heard: `Api.create` sees that by what is there when it is made again.
            return None if not self._answered and attempt >= _AT_FIRST else _backoff(attempt)
        told = _seconds(response.headers.get("Retry-After"))
        told = told or _seconds((said.get("details") or {}).get("retryAfterSeconds"))
        if response.status in _AGAIN or (response.status == 500 and (told or (method != "POST" and attempt <= 3))):
            # All who were told the same second must not come back in the same one.
            return _backoff(attempt) if told is None else told + random.random() * 0.2  # noqa: S311
        return None

    def _renew(self) -> None:
        with self._renewing:
            try:
                self.connection = self.connection.renewed()
            except ModelyardError:
                return  # the 401 that follows says more


def _status_of(response: Any) -> dict[str, Any]:
    """The Status object of a refusal; what is not JSON (a proxy's page) as its message."""
    if response is None:
        return {}
    try:
        text = response.data.decode(errors="replace")  # of a stream: read to its end
        said = json.loads(text)
    except ValueError:
        return {"message": text.strip()[:300]}
    return said if isinstance(said, dict) else {}


def _backoff(attempt: int) -> float:
    return float(min(0.2 * 2 ** min(attempt - 1, 6), 10.0) * (0.7 + 0.6 * random.random()))  # noqa: S311


def _seconds(value: Any) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None
