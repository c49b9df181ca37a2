"""`tracking`: MLflow's server over the project's records, on loopback, for as long as the service runs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from modelyard import processes
from modelyard.errors import ModelyardError
from modelyard.secrets import resolve
from modelyard.tracking.database import prepare_database
from modelyard.tracking.place import place_of

_GRACE = 5.0
_SQLITE = "sqlite:///"


def serve(ctx: Any) -> None:
    """Serve `config.port` until SIGTERM. Raises ModelyardError where the server ends by itself.

    `MODELYARD_BACKEND` is the database where the target runs one: then runs are recorded through this server alone.
    """
    store, artifacts, root = _places(ctx)
    port = str(ctx.config["port"])
    host = os.environ.get("MODELYARD_HOST", "127.0.0.1")  # a target knows where it can listen
    process = subprocess.Popen(
        [
            sys.executable, "-m", "modelyard.tracking.mlflow_server", host, port, store, artifacts, root,
        ],
        cwd=ctx.root, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=processes.die_with_parent,  # noqa: PLW1509
        env={
            **os.environ, **_bucket_variables(ctx), "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        },
    )  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ctx.note(f"MLflow's UI: http://127.0.0.1:{port}")
    try:
        code = process.wait()
    finally:
        _stop(process)
    raise ModelyardError(f"MLflow's server ended with exit code {code}", code="service-ended")


def _places(ctx: Any) -> tuple[str, str, str]:
    """The records' database, the folder of artifacts, and where clients are told that it is."""
    if backend := os.environ.get("MODELYARD_BACKEND"):
        if backend.startswith(_SQLITE):  # on a volume of its own: whoever ends this while it is made leaves no half
            prepare_database(Path(backend.removeprefix(_SQLITE)))
        folder = (Path(ctx.root) / ".modelyard" / "mlartifacts").resolve().as_uri()
        return backend, str(bucket["url"]) if (bucket := _bucket(ctx)) else folder, "mlflow-artifacts:/"
    place = place_of(ctx.document)
    if place.database is None or place.artifacts is None:
        raise ModelyardError(
            f"the records are at {place.uri}, which has its own UI", fix="Take `tracking.ui` away", code="not-local"
        )
    prepare_database(place.database)
    return place.uri, place.artifacts.as_uri(), place.artifacts.as_uri()


def _bucket(ctx: Any) -> dict[str, Any]:
    return ctx.config.get("artifacts") or {}


def _bucket_variables(ctx: Any) -> dict[str, str]:
    """How MLflow reaches the bucket; nobody else is told. Raises ModelyardError for a secret that is not there."""
    variables: dict[str, str] = _bucket(ctx).get("env") or {}
    return {name: resolve(text, ctx.document.settings) for name, text in variables.items()}


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the server and its workers: they share a session of their own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + _GRACE
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
