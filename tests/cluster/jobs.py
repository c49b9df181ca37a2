"""The Job controller: a pod for each completion that is missing, and how it ends."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cluster.clock import now
from cluster.job_rules import INDEX, ending_of, index_of, indexes_of, meets, phase_of, seconds_since
from cluster.pod_status import condition
from cluster.refusals import Refusal
from cluster.workload_pods import is_ready, owned_pods, pod_from

if TYPE_CHECKING:
    from cluster.node import Node

Object = dict[str, Any]


class JobController:
    def __init__(self, node: "Node") -> None:
        self._node = node
        self._objects = node.server.objects

    def work(self) -> None:
        with self._objects.turn:  # what it reads of a Job and of its pods is of one moment
            self._work()

    def _work(self) -> None:
        for job in self._objects.listed("Job"):
            if job["metadata"].get("deletionTimestamp"):
                continue
            ended = ending_of(job)
            if ended:
                self._clean(job, ended)
            else:
                self._reconcile(job)

    def _clean(self, job: Object, ended: Object) -> None:
        ttl = job["spec"].get("ttlSecondsAfterFinished")
        if ttl is not None and seconds_since(ended["lastTransitionTime"]) > ttl:
            self._delete(job)

    def _delete(self, job: Object) -> None:
        meta = job["metadata"]
        self._objects.delete("Job", meta["namespace"], meta["name"], {"propagationPolicy": "Background"})

    def _reconcile(self, job: Object) -> None:
        spec, status = job["spec"], dict(job.get("status") or {})
        pods = owned_pods(self._objects, job)
        if spec.get("suspend"):
            for pod in pods:
                self._remove(pod)
            if not any(
                one["type"] == "Suspended" and one["status"] == "True" for one in status.get("conditions") or ()
            ):
                self._set(
                    job, {"conditions": [condition("Suspended", True, "JobSuspended", "Job suspended")], "active": 0}
                )
                self._node.event(job, "Suspended", "Job suspended", source="job-controller")
            return
        if not status.get("startTime"):
            resumed = [condition("Suspended", False, "JobResumed")] if status.get("conditions") else []
            self._set(job, {"startTime": now(), "conditions": resumed})
            status["startTime"] = now()
        succeeded = [pod for pod in pods if phase_of(pod) == "Succeeded"]
        failed = [pod for pod in pods if phase_of(pod) == "Failed"]
        active = [pod for pod in pods if phase_of(pod) not in ("Succeeded", "Failed")]
        counted, verdict = self._judged(spec, failed)
        done = {index_of(pod) for pod in succeeded} if spec["completionMode"] == "Indexed" else None
        number = len(done) if done is not None else len(succeeded)
        limit = spec.get("activeDeadlineSeconds")
        if verdict:
            self._fail(job, active, "PodFailurePolicy", verdict, succeeded, failed)
        elif number >= spec["completions"] or (done is not None and self._is_success(spec, done)):
            self._complete(job, active, succeeded, failed)
        elif limit is not None and seconds_since(status["startTime"]) >= limit:
            self._fail(
                job, active, "DeadlineExceeded", "Job was active longer than specified deadline", succeeded, failed
            )
        elif counted > spec["backoffLimit"]:
            self._fail(
                job, active, "BackoffLimitExceeded", "Job has reached the specified backoff limit", succeeded, failed
            )
        else:
            self._start(job, active, done, number)
            ready = sum(is_ready(pod) for pod in active)
            self._count(job, {"active": len(active), "ready": ready, "succeeded": number, "failed": len(failed)})

    def _start(self, job: Object, active: list[Object], done: set[int] | None, number: int) -> None:
        spec = job["spec"]
        missing = min(spec["parallelism"], spec["completions"] - number) - len(active)
        taken = {index_of(pod) for pod in active} | (done or set())
        free = [index for index in range(spec["completions"]) if index not in taken] if done is not None else []
        for count in range(missing):
            index = free[count] if done is not None and count < len(free) else None
            if done is not None and index is None:
                return
            self._make(job, index)

    def _make(self, job: Object, index: int | None) -> None:
        pod = pod_from(job["spec"]["template"], job, index=index)
        if index is not None:
            pod["metadata"].setdefault("annotations", {})[INDEX] = str(index)
            pod["metadata"]["labels"][INDEX] = str(index)
            pod["spec"]["hostname"] = f"{job['metadata']['name']}-{index}"
            for container in pod["spec"]["containers"]:
                container.setdefault("env", []).append({"name": "JOB_COMPLETIONINDEX", "value": str(index)})
        try:
            made = self._objects.create(pod)
        except Refusal as refusal:
            self._node.event(job, "FailedCreate", f"Error creating: {refusal.message}", "Warning", "job-controller")
            return
        self._node.event(job, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}", source="job-controller")

    def _judged(self, spec: Mapping[str, Any], failed: list[Object]) -> tuple[int, str]:
        """How many failures count, and why the job is to fail at once, where its policy says so."""
        counted = 0
        for pod in failed:
            action = next(
                (
                    rule["action"]
                    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ()
                    if meets(rule, pod)
                ),
                "Count",
            )
            if action == "FailJob":
                name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
                return counted, f"Container of pod {name} failed, matching FailJob rule"
            counted += action != "Ignore"
        return counted, ""

    def _is_success(self, spec: Mapping[str, Any], done: set[int]) -> bool:
        for rule in (spec.get("successPolicy") or {}).get("rules") or ():
            wanted = (
                indexes_of(rule["succeededIndexes"])
                if rule.get("succeededIndexes")
                else set(range(spec["completions"]))
            )
            if len(wanted & done) >= rule.get("succeededCount", len(wanted)):
                return True
        return False

    def _complete(self, job: Object, active: list[Object], succeeded: list[Object], failed: list[Object]) -> None:
        for pod in active:
            self._remove(pod)
        conditions = [condition("SuccessCriteriaMet", True), condition("Complete", True, "CompletionsReached")]
        counts = {"active": 0, "ready": 0, "succeeded": len(succeeded), "failed": len(failed)}
        self._set(job, {**counts, "completionTime": now(), "conditions": conditions})
        self._node.event(job, "Completed", "Job completed", source="job-controller")

    def _fail(
        self, job: Object, active: list[Object], reason: str, message: str, succeeded: list[Object],
        failed: list[Object],
    ) -> None:  # fmt: skip
        for pod in active:
            self._remove(pod)
        if any(one["metadata"]["uid"] in self._node.running for one in active):
            return  # it has failed when its pods have ended
        conditions = [condition("FailureTarget", True, reason, message), condition("Failed", True, reason, message)]
        counts = {"active": 0, "ready": 0, "succeeded": len(succeeded), "failed": len(failed) + len(active)}
        self._set(job, {**counts, "conditions": conditions})
        self._node.event(job, reason, message, "Warning", "job-controller")

    def _remove(self, pod: Object) -> None:
        if not pod["metadata"].get("deletionTimestamp"):
            grace = pod["spec"].get("terminationGracePeriodSeconds", 30)
            self._objects.delete(
                "Pod", pod["metadata"]["namespace"], pod["metadata"]["name"], {"gracePeriodSeconds": grace}
            )

    def _count(self, job: Object, status: Object) -> None:
        before = job.get("status") or {}
        if any(before.get(key, 0) != value for key, value in status.items()):
            self._set(job, status)

    def _set(self, job: Object, status: Object) -> None:
        self._objects.set_status("Job", job["metadata"]["namespace"], job["metadata"]["name"], status)
