"""One rollout, from the first share of the requests to all of them, or back.

Where it stands is the InferenceService's own `canaryTrafficPercent`, so a run that was killed is gone on with by the
next one; what to go back to is in a ConfigMap beside it. Nothing of the InferenceService but that share, and once the
version, changes on the way: each of its annotations is one of its pods too, and would make another revision.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from modelyard.errors import ModelyardError
from modelyard.targets.base import OnEvent
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.applying import apply_one
from modelyard.targets.kubernetes.fields import APPLIED
from modelyard.targets.kubernetes.kinds import POD, Object, kind_of, name_of
from modelyard.targets.kubernetes.names import ADDRESS, Scope
from modelyard.targets.kubernetes.obstacles import Obstacle
from modelyard.targets.kubernetes.operators.knative import KNATIVE, VERSION, percent_of, with_percent
from modelyard.targets.kubernetes.problems import Problem, pod_problem
from modelyard.targets.kubernetes.rollouts.before import Before
from modelyard.targets.kubernetes.rollouts.measuring import Measured, Reading, measured
from modelyard.targets.kubernetes.rollouts.revisions import REVISION, Revisions
from modelyard.targets.kubernetes.rollouts.steps import Rollout
from modelyard.wording import counted

WITHIN = 600.0
_TICK = 0.5
_TELL = 30.0
_OF_VERSION = ("service-failed", "condition")
_MODES = (KNATIVE, "Serverless", "")
"""As KServe wrote it before, and before it has written any."""


@dataclass
class Rolling:
    """`wanted` names its version and has the digest of what it asks for. `read` asks pods for their metrics."""

    api: Api
    scope: Scope
    rollout: Rollout
    wanted: Object
    on_event: OnEvent
    read: Callable[[list[Object]], Mapping[str, Reading]]
    cancel: threading.Event = field(default_factory=threading.Event)

    def run(self) -> Object:
        """The InferenceService once its version has all requests. Raises ModelyardError when it went back."""
        live = self._live()
        if live is None or not Revisions.of(live).rolled_out:
            return self._first(live)
        percent = percent_of(live)
        same = _digest(live) == _digest(self.wanted)
        if same and percent is None:
            self._before.forget()
            return self._wait("", 100)
        if not same and self._before.read() is None:
            self._before.keep(live)
        old = "" if same else Revisions.of(live).created
        try:
            return self._through(self.rollout.beginning_at(percent if same else None), old)
        except ModelyardError as error:
            # A cluster that does not answer says nothing of the version: the next run goes on from here.
            raise (self._back(error) if error.code in _OF_VERSION else error) from error

    def _first(self, live: Object | None) -> Object:
        """There is nothing to share requests with."""
        self._apply(None)
        try:
            return self._wait(Revisions.of(live or {}).created, 100)
        except ModelyardError as error:
            if live is None and error.code in _OF_VERSION:
                self.api.delete(kind_of(self.wanted), name_of(self.wanted))
            raise

    def _through(self, percent: int, old: str) -> Object:
        step: int | None = percent
        while step is not None:
            self._apply(step)
            self._wait(old, step)
            self._watch(step)
            step = self.rollout.after(step)
        self._apply(None)
        made = self._wait(old, 100)
        self._before.forget()
        return made

    def _wait(self, old: str, percent: int) -> Object:
        """Until a revision other than `old` is up and has its share."""
        began, obstacle = time.monotonic(), Obstacle()
        while True:
            live = self._live()
            if live is None:
                raise self._error("it was deleted on the way")
            found = Revisions.of(live)
            if found.mode not in _MODES:
                what = f"KServe runs it in its {found.mode} mode, which shares no requests among revisions"
                raise self._error(what, "install Knative Serving, and KServe's Knative mode with it")
            if found.created != old and found.has(percent):
                return live
            obstacle.see(self._problem(found) if found.created not in ("", old) else None)
            late = time.monotonic() - began > WITHIN
            lasting = obstacle.lasting
            if lasting or late or (found.failed and found.created not in ("", old, found.ready)):
                why = (lasting.what if lasting else "") or found.failed or "it was not ready in time"
                raise self._error(f"it did not come up: {why}", lasting.fix if lasting else None)
            self._tell(f"waits for {found.created or 'a revision'} to have {percent}% of the requests")
            self._sleep(_TICK)

    def _watch(self, percent: int) -> None:
        """For as long as a step lasts; what the conditions say then is of this time alone."""
        pods = self._pods()
        before, ends = self.read(pods), time.monotonic() + self.rollout.every
        while (left := ends - time.monotonic()) > 0:
            number = self.rollout.steps.index(percent) + 1
            text = f"version {self._version} has {percent}% of the requests, for {_span(left)} more"
            self._tell(text, number)
            self._sleep(min(left, _TELL))
        pods = self._pods()
        after = self.read(pods)
        if pods and not after and self.rollout.back_if:
            raise self._error(f"none of its servers told how it answers, at {percent}% of the requests")
        found = measured(before, after)
        if broken := self.rollout.broken(found):
            raise self._error(f"{broken} at {percent}% of the requests, {_asked(found)}")

    def _back(self, error: ModelyardError) -> ModelyardError:
        """Requests first, at once; then what ran before is named again, so that no server of the new one is kept."""
        self._tell(f"{error.what}: all requests go to the earlier version")
        bad = Revisions.of(self._live() or {})
        old = self._before.read()
        told = (old or {}).get("metadata", {}).get("annotations", {}).get(VERSION, "the earlier one")
        self._apply(0)
        try:
            if old is not None:
                self._put(old, 0)
                self._settle(bad.created)
                self._put(old, None)
                self._before.forget()
        except ModelyardError as other:
            error.details = (*error.details, f"(on the way back: {other.what})")
        return ModelyardError(
            f"{error.what}; version {told} has all requests again", address=error.address, fix=error.fix,
            code="rolled-back", details=error.details,
        )  # fmt: skip

    def _settle(self, bad: str) -> None:
        """Until the version of before is the newest revision: the share of the newest may be given up then."""
        ends = time.monotonic() + WITHIN
        while time.monotonic() < ends:
            found = Revisions.of(self._live() or {})
            if found.created != bad and found.created == found.ready:
                return
            time.sleep(_TICK)
        raise self._error("the earlier version did not come up once more; it goes on with the servers that it has")

    def _problem(self, found: Revisions) -> Problem | None:
        return next((one for pod in self._pods_of(found.created) if (one := pod_problem(pod))), None)

    def _pods(self) -> list[Object]:
        return self._pods_of(Revisions.of(self._live() or {}).created)

    def _pods_of(self, revision: str) -> list[Object]:
        return self.api.list(POD, f"{self.scope.selector},{REVISION}={revision}")

    def _apply(self, percent: int | None) -> None:
        self._put(self.wanted, percent)

    def _put(self, service: Object, percent: int | None) -> None:
        apply_one(self.api, self.scope, with_percent(service, percent))

    def _live(self) -> Object | None:
        return self.api.get(kind_of(self.wanted), name_of(self.wanted))

    @property
    def _version(self) -> str:
        return str(self.wanted["metadata"]["annotations"][VERSION])

    @property
    def _address(self) -> str:
        return str(self.wanted["metadata"]["annotations"][ADDRESS])

    @property
    def _before(self) -> Before:
        return Before(self.api, self.scope, self.wanted)

    def _sleep(self, seconds: float) -> None:
        """A run that is ended leaves the share as it is: the next one goes on from there."""
        if self.cancel.wait(seconds):
            raise ModelyardError(f"the rollout of {self._address} was not waited for: cancelled", code="cancelled")

    def _tell(self, text: str, number: int = 0) -> None:
        self.on_event({"event": "progress", "done": number, "total": len(self.rollout.steps), "text": text})

    def _error(self, what: str, fix: str | None = None) -> ModelyardError:
        return ModelyardError(
            f"version {self._version} of {self._address}: {what}", address=self._address,
            fix=fix or f"`modelyard logs {self._address}` shows what its servers said; each apply tries again",
            code="service-failed",
        )  # fmt: skip


def _digest(obj: Object) -> str:
    return str((obj["metadata"].get("annotations") or {}).get(APPLIED))


def _asked(found: Measured) -> str:
    return f"after {counted(round(found.requests), 'request')}"


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(seconds, 1):.0f} s"
