"""A pod from its binding to its end, in a thread of its own: the part of a kubelet that its clients can see."""

import contextlib
import shutil
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.containers import Process, specification
from cluster.pod_status import PodReport, condition, container_status, running, terminated, waiting
from cluster.probes import Probes
from cluster.refusals import Refusal
from cluster.volumes import NotReady, Volumes

if TYPE_CHECKING:
    from cluster.node import Node

Object = dict[str, Any]
_TICK = 0.05
_BACK_OFF = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)


class Pod(threading.Thread):
    """`oom`, `evict` and `kill` end it, on demand, in ways in which no container ends by itself."""

    def __init__(self, node: "Node", pod: Object) -> None:
        super().__init__(daemon=True)
        self._node = node
        self._pod = pod
        self._meta = pod["metadata"]
        self.uid = self._meta["uid"]
        self._report = PodReport(node.server.objects, self.key)
        self._folder = node.folder / "pods" / self.uid
        self._restarts = 0
        self._process: Process | None = None
        self._evicted = ""
        self.ready = False

    @property
    def address(self) -> str:
        return self._process.address if self._process else ""

    @property
    def key(self) -> tuple[str, str]:
        return self._meta["namespace"], self._meta["name"]

    def oom(self) -> None:
        if self._process:
            self._process.oom = True
            self._process.kill()

    def evict(self, message: str = "The node was low on resource: memory.") -> None:
        self._evicted = message
        if self._process:
            self._process.kill()

    def kill(self) -> None:
        if self._process:
            self._process.kill()

    def run(self) -> None:
        try:
            self._live()
        except Refusal as refusal:  # it is gone from the API: its process goes too
            if refusal.code != 404:
                self._node.failures.append(f"pod {self.key}: {refusal}")
        except Exception as error:  # noqa: BLE001
            import traceback

            self._node.failures.append(f"pod {self.key}: {error}\n{traceback.format_exc()}")
        finally:
            if self._process is not None and self._process.code is None:
                self._process.kill()
            self._node.ended(self)
            shutil.rmtree(self._folder / "volumes", ignore_errors=True)

    def _live(self) -> None:
        if not self._schedule():
            return None
        volumes = Volumes(self._node.server, self._pod, self._folder, self._node.claims)
        while (prepared := self._prepare(volumes)) is None:
            if self._deleted() is not None:
                return self._gone()
            time.sleep(0.1)
        mounts, hosts = prepared
        for container in self._pod["spec"].get("initContainers") or ():
            code = self._run_container(container, volumes, mounts, hosts, initial=True)
            if code != 0:
                return None if code is None else self._finish("Failed", self._pod["spec"]["containers"][0], code)
        container = self._pod["spec"]["containers"][0]
        policy = self._pod["spec"].get("restartPolicy", "Always")
        while True:
            code = self._run_container(container, volumes, mounts, hosts)
            if code is None:
                return self._gone()
            if self._evicted or policy == "Never" or (policy == "OnFailure" and code == 0):
                return self._finish("Succeeded" if code == 0 and not self._evicted else "Failed", container, code)
            state = waiting("CrashLoopBackOff", f"back-off restarting failed container {container['name']}")
            status = container_status(container, state, restarts=self._restarts)
            status["lastState"] = self._last(code)
            self._report.tell("Running", [status])
            self._node.event(
                self._pod, "BackOff", f"Back-off restarting failed container {container['name']}", "Warning"
            )
            until = time.monotonic() + _BACK_OFF[min(self._restarts, len(_BACK_OFF) - 1)]
            while time.monotonic() < until:
                if self._deleted() is not None:
                    return self._gone()
                time.sleep(_TICK)
            self._restarts += 1

    def _schedule(self) -> bool:
        told = ""
        while why := self._node.no_place_for(self._pod):
            if self._deleted() is not None:
                self._gone()
                return False
            if why != told:
                told = why
                self._report.write(
                    {"phase": "Pending", "conditions": [condition("PodScheduled", False, "Unschedulable", why)]}
                )
                self._node.event(self._pod, "FailedScheduling", why, "Warning", source="default-scheduler")
            time.sleep(0.1)
        spec = {**self._pod["spec"], "nodeName": self._node.name}
        self._pod = self._node.change(
            self._pod, lambda live: {**live, "spec": {**live["spec"], "nodeName": spec["nodeName"]}}
        )
        self._node.event(self._pod, "Scheduled", f"Successfully assigned {'/'.join(self.key)} to {self._node.name}")
        return True

    def _prepare(self, volumes: Volumes) -> tuple[Mapping[str, tuple[Path, bool]], Path] | None:
        """Images and volumes, or None where the pod has to wait, which is told."""
        containers = [*(self._pod["spec"].get("initContainers") or ()), *self._pod["spec"]["containers"]]
        for container in containers:
            if container["image"] not in self._node.images:
                text = f'failed to pull and unpack image "{container["image"]}": not found'
                self._report.tell("Pending", [container_status(container, waiting("ImagePullBackOff", text))])
                self._node.event(self._pod, "Failed", f'Failed to pull image "{container["image"]}": {text}', "Warning")
                return None
        try:
            made = volumes.make()
            for container in containers:
                volumes.environment(container)
        except NotReady as error:
            states = [
                container_status(one, waiting(error.reason, str(error))) for one in self._pod["spec"]["containers"]
            ]
            self._report.tell("Pending", states)
            self._node.event(self._pod, "FailedMount" if "not found" in str(error) else "Failed", str(error), "Warning")
            return None
        return made, self._node.hosts

    def _run_container(
        self, container: Object, volumes: Volumes, mounts: Mapping[str, tuple[Path, bool]], hosts: Path,
        initial: bool = False,
    ) -> int | None:  # fmt: skip
        """Its exit code, or None where the pod was deleted meanwhile."""
        if self._deleted() is not None:
            return None
        image = self._node.images[container["image"]]
        spec = specification(
            container, self._pod, image, mounts, {**self._node.variables, **volumes.environment(container)}, hosts
        )
        log = self._folder / f"{container['name']}.log"
        process = self._process = Process(
            spec, self._folder / f"{container['name']}-{self._restarts}", log, self._node.network
        )
        self._node.server.logs.files[self._meta["namespace"], self.uid, container["name"]] = log
        probes = Probes(container, process)
        told: bool | None = None
        deadline: float | None = None
        while (code := process.code) is None:
            ready = probes.ready() and not initial
            if ready != told:
                told, self.ready = ready, ready
                status = container_status(container, running(process.began), ready, self._restarts)
                self._report.tell("Pending" if initial else "Running", [status], ready, process.address)
            if probes.dead():
                self._node.event(self._pod, "Unhealthy", f"Liveness probe failed: {probes.why}", "Warning")
                process.kill()
            if deadline is None and (grace := self._deleted()) is not None:
                process.signal(signal.SIGTERM)
                deadline = time.monotonic() + grace
            if deadline is not None and time.monotonic() > deadline:
                process.kill()
            self._node.wait(_TICK)
        self.ready = False
        return None if deadline is not None and not initial and self._ended_by_deletion(container, code) else code

    def _ended_by_deletion(self, container: Object, code: int) -> bool:
        with contextlib.suppress(Refusal):
            self._finish("Succeeded" if code == 0 else "Failed", container, code)
        return True

    def _finish(self, phase: str, container: Object, code: int) -> None:
        ended = container_status(container, self._last(code), restarts=self._restarts)
        status: Object = {
            "phase": phase, "containerStatuses": [ended],
            "conditions": [condition("Ready", False, "PodCompleted" if phase == "Succeeded" else "PodFailed")],
        }  # fmt: skip
        if self._evicted:
            reason = condition("DisruptionTarget", True, "TerminationByKubelet", self._evicted)
            status |= {"reason": "Evicted", "message": self._evicted}
            status["conditions"].append(reason)
            self._node.event(self._pod, "Evicted", self._evicted, "Warning")
        self._report.write(status)
        if self._deleted() is not None:
            self._gone()

    def _last(self, code: int) -> Object:
        assert self._process is not None
        return terminated(code, self._process.began, self._process.ended_at, self._process.oom)

    def _deleted(self) -> float | None:
        """The grace that it has where its deletion was asked for."""
        meta = self._node.server.objects.get("Pod", *self.key)["metadata"]
        if meta["uid"] != self.uid:
            raise Refusal(404, "another has its name now")
        if not meta.get("deletionTimestamp"):
            return None
        return float(meta.get("deletionGracePeriodSeconds") or 0) / self._node.haste

    def _gone(self) -> None:
        with contextlib.suppress(Refusal):
            self._node.server.objects.delete(
                "Pod", *self.key, {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
            )
