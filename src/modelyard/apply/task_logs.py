"""Logs of tasks that ran in a cluster: their pods', and once those are gone what a shared store has kept."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from modelyard.apply.events import ApplyEvent, NodeFinished, OnApplyEvent
from modelyard.errors import ModelyardError
from modelyard.state import RunRecord
from modelyard.store import Store
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.kinds import POD, Object, name_of
from modelyard.targets.kubernetes.names import COMPONENT, RUN, Scope, label_value
from modelyard.targets.kubernetes.statuses import born, is_over
from modelyard.targets.kubernetes.task_watch import TASK
from modelyard.task import EVENT_PREFIX

_MOST = 256 << 10


def keeping_logs(store: Store, tell: OnApplyEvent) -> OnApplyEvent:
    """`tell`, and what a task said is kept once it has ended: its pod goes, and only the cluster sees its volume."""
    if store.remote is None:
        return tell

    def keep(event: ApplyEvent) -> None:
        if isinstance(event, NodeFinished) and event.report.log and event.report.run_id:
            with suppress(ModelyardError, OSError):  # a log less is no reason for an apply to fail
                text = Path(event.report.log).read_bytes()[-_MOST:].decode(errors="replace")
                store.put_ref(_name(event.report.run_id), {"log": text})
        tell(event)

    return keep


def task_lines(
    api: Api, scope: Scope, store: Store, run: RunRecord, number: int, follow: bool
) -> Iterator[str]:  # fmt: skip
    """The last `number` lines (0: all). Raises ModelyardError where nothing is seen from here any more."""
    selector = f"{scope.selector},{COMPONENT}={TASK},{RUN}={label_value(run.run_id)}"
    pods = sorted(api.list(POD, selector), key=born)
    if pods:
        return words_of(api, pods[-1], number, follow)
    with suppress(ModelyardError):
        if kept := store.get_ref(_name(run.run_id)):
            return iter(kept["log"].splitlines()[-number:])
    raise ModelyardError(
        f"the pod of run {run.run_id} is gone, and its log ({run.log}) is on the cluster's volume", code="no-log",
        fix="set `store.remote`, where logs are kept too; `modelyard runs` tells how it ended",
    )  # fmt: skip


def words_of(api: Api, pod: Object, number: int, follow: bool) -> Iterator[str]:
    """What a pod says to people: the last `number` lines (0: all), or with `follow`, while it runs, all to come too."""
    follow = follow and not is_over(pod)
    said = api.pod_log(name_of(pod), container=pod["spec"]["containers"][0]["name"], follow=follow)
    lines = (line for line in said if not line.startswith(EVENT_PREFIX))
    return lines if follow or not number else iter(list(lines)[-number:])


def _name(run_id: str) -> str:
    return f"logs/{run_id}"
