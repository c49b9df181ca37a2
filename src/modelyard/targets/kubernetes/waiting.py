"""Waiting until what was applied is ready, with progress, and giving up once it is plain that it never will be."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from modelyard.errors import ModelyardError
from modelyard.targets.base import OnEvent
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.differing import address_of
from modelyard.targets.kubernetes.explaining import Trouble, details, pods_of, trouble_of
from modelyard.targets.kubernetes.inventory import Identity, identity_of
from modelyard.targets.kubernetes.kinds import Kind, Object, kind_of, name_of, title_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.obstacles import LOOK_CLOSER, Obstacle
from modelyard.targets.kubernetes.readiness import Readiness, readiness

WITHIN = 600.0
_TICK, _SLOWEST = 0.5, 3.0


@dataclass
class _Awaited:
    object: Object
    looked: float
    readiness: Readiness | None = None
    trouble: Trouble | None = None
    obstacle: Obstacle = field(default_factory=Obstacle)

    def see(self, trouble: Trouble | None) -> None:
        self.looked = time.monotonic()
        self.trouble = trouble
        self.obstacle.see(trouble.problem if trouble else None)

    def __str__(self) -> str:
        text = (
            self.trouble.problem.what if self.trouble else (self.readiness.text if self.readiness else "not seen yet")
        )
        return f"{title_of(self.object)}: {text}"


def wait_until_ready(
    api: Api, scope: Scope, objects: Sequence[Object], on_event: OnEvent, *, within: float = WITHIN,
    cancel: threading.Event | None = None,
) -> list[Object]:  # fmt: skip
    """The objects as they are once all are ready. Raises ModelyardError with events and log lines of one that fails.

    One list a kind each tick, and for what is not ready a look at its pods and events every few seconds.
    """
    began, tick = time.monotonic(), _TICK
    awaited = {identity_of(obj): _Awaited(obj, began) for obj in objects}
    last: dict[Identity, Object] = {}
    while True:
        last |= _look(api, scope, awaited, last)
        waiting = [awaited[identity] for identity in awaited if identity not in last]
        if not waiting:
            return [last[identity_of(obj)] for obj in objects]
        for one in waiting:
            _give_up(api, one, time.monotonic() - began > within)
        if cancel and cancel.wait(tick):
            raise ModelyardError("cancelled while it waited for the cluster", code="cancelled")
        if not cancel:
            time.sleep(tick)
        on_event({"event": "progress", "done": len(last), "total": len(awaited), "text": str(waiting[0])})
        tick = min(tick * 1.3, _SLOWEST)


def _look(
    api: Api, scope: Scope, awaited: dict[Identity, _Awaited], ready: dict[Identity, Object]
) -> dict[Identity, Object]:
    """Those that have become ready since."""
    kinds: dict[Kind, list[_Awaited]] = {}
    for identity, one in awaited.items():
        if identity not in ready:
            kinds.setdefault(kind_of(one.object), []).append(one)
    found: dict[Identity, Object] = {}
    for kind, ones in kinds.items():
        live = {identity_of(obj): obj for obj in api.list(kind, scope.selector)}
        for one in ones:
            identity = identity_of(one.object)
            if identity not in live:
                raise _gone(one.object)
            one.object = live[identity]
            one.readiness = readiness(live[identity])
            if one.readiness.ready:
                found[identity] = live[identity]
            elif one.readiness.state == "waiting" and time.monotonic() - one.looked > LOOK_CLOSER:
                one.see(trouble_of(api, live[identity]))
    return found


def _give_up(api: Api, one: _Awaited, late: bool) -> None:
    failed = one.readiness is not None and one.readiness.state == "failed"
    if not (failed or late or one.obstacle.lasting):
        return
    trouble = one.trouble or trouble_of(api, one.object)
    raise _never_ready(api, one.object, trouble, one.readiness.text if one.readiness else "")


def _never_ready(api: Api, obj: Object, trouble: Trouble | None, text: str) -> ModelyardError:
    """The one line for a workload that did not come up, with its events and its container's last words."""
    problem = trouble.problem if trouble else None
    pod = trouble.pod if trouble else next(iter(pods_of(api, obj)), None)
    address = address_of(obj)
    names = {name_of(obj), *([name_of(pod)] if pod else [])}
    see = (
        f"`modelyard logs {address}` shows what it said"
        if address
        else f"`kubectl describe {obj['kind'].lower()} {name_of(obj)}`"
    )
    why = problem.what if problem else text or "it was not ready in time"
    return ModelyardError(
        f"{address or title_of(obj)} did not come up: {why}",
        address=address, fix=problem.fix if problem else see, code=problem.code if problem else "service-failed",
        details=details(api, names, pod, problem),
    )  # fmt: skip


def _gone(obj: Object) -> ModelyardError:
    return ModelyardError(
        f"{title_of(obj)} was deleted while it came up", address=address_of(obj),
        fix="see who deletes it, then apply again", code="service-failed",
    )  # fmt: skip
