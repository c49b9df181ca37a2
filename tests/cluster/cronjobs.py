"""The CronJob controller: Jobs at their times, by a clock that stands where a test puts it."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from croniter import croniter

from cluster.job_rules import ending_of
from cluster.workload_pods import is_owned

if TYPE_CHECKING:
    from cluster.node import Node

Object = dict[str, Any]
_SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"


class CronJobController:
    """`clock` is None until a test says what time it is: nothing is fired meanwhile."""

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._objects = node.server.objects
        self.clock: datetime | None = None

    def work(self) -> None:
        with self._objects.turn:
            for cron in self._objects.listed("CronJob"):
                jobs = self._jobs(cron)
                self._forget_old(cron, jobs)
                if self.clock is not None and not cron["spec"].get("suspend"):
                    self._fire(cron, jobs, self.clock)
                self._tell(cron)

    def _fire(self, cron: Object, jobs: list[Object], now: datetime) -> None:
        """The last time that was missed, unless it is too long ago; those before it are passed over."""
        due = _due(cron, now)
        if due is None or _is_late(cron, due, now):
            return
        active = [job for job in jobs if ending_of(job) is None]
        policy = cron["spec"].get("concurrencyPolicy", "Allow")
        if active and policy == "Forbid":
            text = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self._node.event(cron, "JobAlreadyActive", text, source="cronjob-controller")
            return
        for job in active if policy == "Replace" else ():
            self._delete(job)
        self._objects.create(_job_of(cron, due))
        self._status(cron, {"lastScheduleTime": _written(due)})

    def _forget_old(self, cron: Object, jobs: list[Object]) -> None:
        for kind, limit in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
            ended = [job for job in jobs if (ending_of(job) or {}).get("type") == kind]
            ended.sort(key=lambda job: str(job["metadata"]["name"]))
            for job in ended[: max(len(ended) - cron["spec"].get(limit, 1 if kind == "Failed" else 3), 0)]:
                self._delete(job)

    def _tell(self, cron: Object) -> None:
        jobs = self._jobs(cron)
        active = [{"name": job["metadata"]["name"]} for job in jobs if ending_of(job) is None]
        if active != ((cron.get("status") or {}).get("active") or []):
            self._status(cron, {"active": active})

    def _jobs(self, cron: Object) -> list[Object]:
        return [job for job in self._objects.listed("Job", cron["metadata"]["namespace"]) if is_owned(job, cron)]

    def _status(self, cron: Object, status: Object) -> None:
        meta = cron["metadata"]
        self._objects.set_status("CronJob", meta["namespace"], meta["name"], status)

    def _delete(self, job: Object) -> None:
        meta = job["metadata"]
        self._objects.delete("Job", meta["namespace"], meta["name"], {"propagationPolicy": "Background"})


def _due(cron: Object, now: datetime) -> datetime | None:
    """The latest time of the schedule up to now that was not fired yet."""
    zone = ZoneInfo(cron["spec"].get("timeZone") or "Etc/UTC")
    last = croniter(cron["spec"]["schedule"], (now + timedelta(seconds=1)).astimezone(zone)).get_prev(datetime)
    since = (cron.get("status") or {}).get("lastScheduleTime") or cron["metadata"]["creationTimestamp"]
    return last if last > datetime.fromisoformat(since) else None


def _is_late(cron: Object, due: datetime, now: datetime) -> bool:
    limit = cron["spec"].get("startingDeadlineSeconds")
    return limit is not None and (now - due).total_seconds() > limit


def _job_of(cron: Object, due: datetime) -> Object:
    meta, template = cron["metadata"], cron["spec"]["jobTemplate"]
    owner = {
        "apiVersion": cron["apiVersion"], "kind": "CronJob", "name": meta["name"], "uid": meta["uid"],
        "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip
    known = template.get("metadata") or {}
    named = {
        "name": f"{meta['name']}-{int(due.timestamp()) // 60}", "namespace": meta["namespace"],
        "labels": dict(known.get("labels") or {}), "ownerReferences": [owner],
        "annotations": {**(known.get("annotations") or {}), _SCHEDULED: _written(due)},
    }  # fmt: skip
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": named, "spec": template["spec"]}


def _written(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
