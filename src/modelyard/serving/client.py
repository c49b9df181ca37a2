"""Asking a server from Python's standard library alone: what `modelyard predict` uses."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError

_BYTES = "application/octet-stream"


def predict_image(
    url: str, image: Path | bytes, *, threshold: float | None = None, token: str | None = None, timeout: float = 30
) -> Any:
    """Send a picture; the answer has `boxes`, or `predictions` for a classifier. Raises ModelyardError."""
    try:
        data = image if isinstance(image, bytes) else image.read_bytes()
    except OSError as error:
        raise ModelyardError(f"cannot read the picture: {error.strerror}", code="no-file") from error
    query = "" if threshold is None else f"?threshold={threshold}"
    return ask(f"{url.rstrip('/')}/predict{query}", data, kind=_BYTES, token=token, timeout=timeout)


def predict_rows(url: str, rows: Sequence[Mapping[str, Any]], *, token: str | None = None, timeout: float = 30) -> Any:
    """Send rows; the answer has `predictions` and, for a classifier, `probabilities`. Raises ModelyardError."""
    data = json.dumps({"rows": list(rows)}, default=str).encode()
    return ask(f"{url.rstrip('/')}/predict", data, kind="application/json", token=token, timeout=timeout)


def read_health(url: str, timeout: float = 5) -> Any:
    """What the server says of itself, ready or not. Raises ModelyardError where nothing answers."""
    return ask(f"{url.rstrip('/')}/v2/health", timeout=timeout, accept=(503,))


def ask(
    url: str,
    data: bytes | None = None,
    *,
    kind: str = "",
    token: str | None = None,
    timeout: float = 30,
    accept: Sequence[int] = (),
) -> Any:
    """One request; its JSON. What the server refuses is raised in the server's words."""
    if not url.startswith(("http://", "https://")):
        raise ModelyardError(f"`{url}` is no http address", code="bad-url")
    headers = {"content-type": kind} if kind else {}
    if token:
        headers["authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:  # noqa: S310
            return json.loads(reply.read())
    except urllib.error.HTTPError as error:
        body = _json(error.read())
        if error.code in accept:
            return body
        raise _refused(url, error.code, body) from error
    except (urllib.error.URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        fix = "`modelyard status` says whether it runs; `modelyard apply` starts it"
        raise ModelyardError(f"nothing answers at {url}: {reason}", fix=fix, code="no-answer") from error
    except ValueError as error:
        raise ModelyardError(f"{url} does not answer in JSON", code="bad-answer") from error


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return {}


def _refused(url: str, status: int, body: Any) -> ModelyardError:
    body = body if isinstance(body, dict) else {}
    what = body.get("error") or f"{url} answers {status}"
    fix = body.get("fix")
    if status == 401:
        fix = "give the token with --token, or in the environment variable MODELYARD_TOKEN"
    return ModelyardError(str(what), fix=fix, code=str(body.get("code") or "refused"))
