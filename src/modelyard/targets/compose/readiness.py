"""Waits until a service that was brought up is ready, or tells why it will not be: in one line, with its last words."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.targets.base import LiveService, OnEvent, not_waited_for
from modelyard.targets.compose.definition import Service
from modelyard.targets.compose.observing import Container, live_service
from modelyard.targets.probing import Answer, ask

READY_WITHIN = 120.0
_CRASHES = 3
_STAYS_UP = 2.0
_PATIENCE = 10.0
_TICK = 0.2
_LINES = 15


def wait_until_ready(
    service: Service, found: Callable[[], Sequence[Container]], client: Any, on_event: OnEvent, cancel: threading.Event
) -> LiveService:
    """`found` looks for the service's containers. Raises ModelyardError, code `service-failed` or `cancelled`."""
    began = told = time.monotonic()
    starved = False
    while True:
        ours = found()
        servers = [one for one in ours if not one.is_door]
        newest = next((one for one in reversed(servers) if one.fingerprint == service.fingerprint), None)
        restarts, out_of_memory = newest.fate(client) if newest else (0, False)
        starved = starved or out_of_memory
        waited = time.monotonic() - began
        running = newest is not None and newest.running
        if newest is not None and running and (answer := _answer(service, newest, waited)).ready:
            return replace(live_service(service, ours), status="ready", version=answer.version, detail="")
        if restarts >= _CRASHES or waited > READY_WITHIN or (not running and waited > _PATIENCE):
            said = list(servers[-1].log(client, _LINES)) if servers else []
            raise _never_ready(service, newest, restarts, starved, said)
        if time.monotonic() - told > 1.0:
            on_event({"event": "progress", "done": 0, "total": 1, "text": "waiting until it is ready"})
            told = time.monotonic()
        if cancel.wait(_TICK):
            raise not_waited_for(service.address)


def _answer(service: Service, newest: Container, waited: float) -> Answer:
    """Of a service that nobody here reaches, what the engine's check says; without one, that it stays up."""
    if service.url is None or service.probe is None:
        return Answer(newest.health == "healthy" if service.is_companion else waited > _STAYS_UP)
    return ask(f"{service.url}{service.probe}")


def _never_ready(
    service: Service, newest: Container | None, restarts: int, starved: bool, said: list[str]
) -> ModelyardError:
    fix = "see what it said last, and mend that" if said else "it said nothing: see to its command and its image"
    if starved:
        why, fix = "memory ran out", "give it more `resources.memory`, or less to hold at once"
    elif restarts:
        why = f"it ended {restarts} times"
    elif newest is None:
        why = "its container is gone"
    else:
        why = f"it was not ready within {READY_WITHIN:g} s" if newest.running else f"it is {newest.state}"
    what = f"{service.address} did not come up: {why}"
    return ModelyardError(what, address=service.address, fix=fix, code="service-failed", details=said)
