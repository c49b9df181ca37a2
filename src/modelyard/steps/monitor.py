"""`monitoring.x`: a service that looks at what was predicted, again and again."""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from modelyard.monitoring.predictions import log_folder, read_window
from modelyard.monitoring.window import Monitor, check_folder, check_predictions
from modelyard.steps.base import StepContext

_LOOK_EVERY = 2.0
"""Seconds between looks at the log where a window is a number of predictions."""


def serve(ctx: StepContext) -> None:
    """Check each window until SIGTERM or SIGINT. A window that cannot be checked is told, and the next one comes.

    With `MODELYARD_ONCE` it checks what is due now and ends: for a target that keeps the time itself.
    """
    if os.environ.get("MODELYARD_ONCE"):
        run_once(ctx)
        return
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    watch(ctx, stop)


def watch(ctx: StepContext, stop: threading.Event) -> None:
    """The loop of `serve`, for whoever has a way of stopping it."""
    monitor = monitor_of(ctx)
    if "data" in ctx.inputs:
        run_once(ctx, monitor)
        stop.wait()
        return
    every, size = float(ctx.config.get("every") or _LOOK_EVERY), ctx.config.get("window")
    ctx.note(f"watching {ctx.config['service']}, every {f'{size:,} predictions' if size else f'{every:g} s'}")
    due = time.monotonic() + (_LOOK_EVERY if size else every)
    while not stop.wait(max(0.0, due - time.monotonic())):
        due = time.monotonic() + (_LOOK_EVERY if size else every)
        while run_once(ctx, monitor) and size and not stop.is_set():
            pass  # more than one window's predictions may be waiting


def run_once(ctx: StepContext, monitor: Monitor | None = None) -> dict[str, Any] | None:
    """Check the window that is due now, and give what `latest.json` says; None where it is not full yet, or not new."""
    monitor = monitor or monitor_of(ctx)
    if "data" in ctx.inputs:
        artifact = ctx.document.inputs.get("data")
        digest = artifact.digest if artifact else ""
        if digest and monitor.state.get("data") == digest:
            return None
        return check_folder(monitor, ctx.inputs["data"], digest)
    size = ctx.config.get("window")
    window = read_window(log_folder(ctx.root, ctx.config["service"]), monitor.state.get("cursor", {}), size)
    if size and len(window.entries) < size:
        return None
    return check_predictions(monitor, window)


def monitor_of(ctx: StepContext) -> Monitor:
    return Monitor(
        address=ctx.address,
        config=ctx.config,
        root=ctx.root,
        reference=ctx.inputs["reference"],
        settings=ctx.document.settings,
        emit=ctx.emit,
        log_metrics=_tracker(ctx),
    )


def _tracker(ctx: StepContext) -> Callable[[Mapping[str, float], int], None]:
    """Logs to one MLflow run of this monitor, which goes on over restarts. MLflow is imported at the first window."""

    def log(metrics: Mapping[str, float], step: int) -> None:
        if not ctx.document.tracking.get("uri"):
            return
        from modelyard.monitoring.tracking import log_window

        try:
            log_window(ctx.document, ctx.address, metrics, step)
        except Exception as error:  # noqa: BLE001 - a tracking server that is down must not stop the watch
            ctx.emit(
                {
                    "event": "warning",
                    "text": f"could not log to MLflow: {(str(error) or type(error).__name__).splitlines()[0]}",
                }
            )

    return log
