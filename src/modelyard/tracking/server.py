"""`tracking`: MLflow's UI over the project's records, on loopback, for as long as the service runs."""

import os
import signal
import subprocess
import sys
import time
from typing import Any

from modelyard import processes
from modelyard.errors import ModelyardError
from modelyard.tracking.database import prepare_database
from modelyard.tracking.place import place_of

_GRACE = 5.0


def serve(ctx: Any) -> None:
    """Serve `config.port` until SIGTERM. Raises ModelyardError where the server ends by itself."""
    place = place_of(ctx.document)
    if place.database is None or place.artifacts is None:
        raise ModelyardError(
            f"the records are at {place.uri}, which has its own UI", fix="Take `tracking.ui` away", code="not-local"
        )
    prepare_database(place.database)
    port = str(ctx.config["port"])
    host = os.environ.get("MODELYARD_HOST", "127.0.0.1")  # a target knows where it can listen
    process = subprocess.Popen(
        [
            sys.executable, "-m", "modelyard.tracking.mlflow_server", host, port, place.uri, place.artifacts.as_uri(),
        ],
        cwd=ctx.root, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=processes.die_with_parent,  # noqa: PLW1509
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
    )  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ctx.note(f"MLflow's UI: http://127.0.0.1:{port}")
    try:
        code = process.wait()
    finally:
        _stop(process)
    raise ModelyardError(f"MLflow's server ended with exit code {code}", code="service-ended")


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
