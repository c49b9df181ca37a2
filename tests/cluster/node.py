"""The one node of the tests' cluster: its kubelet, its network, and the controllers that keep pods for workloads."""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

import pytest

from cluster.clock import now
from cluster.containers import Image, runtime_image
from cluster.cronjobs import CronJobController
from cluster.http_server import ApiServer
from cluster.jobs import JobController
from cluster.network import Network
from cluster.objects import How
from cluster.pods import Pod
from cluster.refusals import Refusal
from cluster.services import Doors
from cluster.workloads import WorkloadController

Object = dict[str, Any]


class Node:
    """Runs the pods that a server stores; needs root, for namespaces and a bridge.

    `images` are those that can be pulled; `gpus` how many it has; `claims` holds a folder (or a link to one) a claim;
    with a `haste` of 5 the grace of a pod is a fifth of what it says.
    """

    name = "node-1"

    def __init__(self, server: ApiServer, folder: Path, gpus: int = 0) -> None:
        if os.geteuid() != 0:
            pytest.skip("the tests' cluster runs pods in namespaces and on a bridge of their own: that needs root")
        self.server = server
        self.folder = folder
        self.gpus = gpus
        self.labels: dict[str, str] = {"kubernetes.io/os": "linux", "kubernetes.io/hostname": self.name}
        self.claims = folder / "claims"
        self.hosts = folder / "hosts"
        self.images: dict[str, Image] = {}
        self.cordoned = False
        self.haste = 1.0
        self.failures: list[str] = []
        self._pods: dict[str, Pod] = {}
        self._turn = threading.Lock()
        self._closing = threading.Event()

    def __enter__(self) -> "Node":
        self.folder.mkdir(parents=True, exist_ok=True)
        self.claims.mkdir(exist_ok=True)
        self.hosts.write_text("127.0.0.1 localhost\n")
        self.network = Network(self.server.number)
        self.network.open_door(self.network.host, 443, lambda: ("127.0.0.1", self.server.port))
        self.server.objects.keeps_pods = True
        self._jobs, self._workloads, self._doors = JobController(self), WorkloadController(self), Doors(self)
        self._crons = CronJobController(self)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join(10)
        pods = list(self._pods.values())
        for pod in pods:
            pod.kill()
        self.server.objects.keeps_pods = False
        for namespace in self.server.objects.listed("Namespace"):
            for one in self.server.objects.listed("Pod", namespace["metadata"]["name"]):
                with contextlib.suppress(Refusal):
                    self.server.objects.delete("Pod", one["metadata"]["namespace"], one["metadata"]["name"])
        for pod in pods:
            pod.join(10)
        self.network.close()
        assert kind is not None or not self.failures, self.failures[0]

    def build(self, name: str, project: Path) -> None:
        """An image of Modelyard's runtime with a project's files, as they are now."""
        place = self.folder / "images" / uuid4().hex
        skipped = shutil.ignore_patterns(".modelyard", "__pycache__", ".git")
        shutil.copytree(project, place, ignore=skipped, symlinks=True)
        (place / ".modelyard").mkdir()
        place.chmod(0o755)
        self.images[name] = runtime_image(place)

    @property
    def running(self) -> dict[str, Pod]:
        """Pods by uid."""
        with self._turn:
            return dict(self._pods)

    @property
    def variables(self) -> dict[str, str]:
        """What every container's environment says of the API."""
        return {"KUBERNETES_SERVICE_HOST": self.network.host, "KUBERNETES_SERVICE_PORT": "443"}

    def it_is(self, time: datetime) -> None:
        """What CronJobs take for the time from now on; before the first call none is fired."""
        self._crons.clock = time

    def pod(self, name: str) -> Pod:
        """The youngest whose name begins so."""
        return [pod for pod in self.running.values() if pod.key[1].startswith(name)][-1]

    def wait(self, seconds: float) -> None:
        self._closing.wait(seconds)
        if self._closing.is_set():
            time.sleep(seconds)

    def ended(self, pod: Pod) -> None:
        with self._turn:
            self._pods.pop(pod.uid, None)

    def no_place_for(self, pod: Object) -> str:
        """Why a pod cannot be scheduled, in the scheduler's words; empty where it can."""
        nobody = "0/1 nodes are available: 1 "
        if self.cordoned:
            return nobody + "node(s) were unschedulable."
        for volume in pod["spec"].get("volumes") or ():
            if claim := volume.get("persistentVolumeClaim"):
                try:
                    self.server.objects.get("PersistentVolumeClaim", pod["metadata"]["namespace"], claim["claimName"])
                except Refusal:
                    return nobody + f'persistentvolumeclaim "{claim["claimName"]}" not found.'
        wanted = pod["spec"].get("nodeSelector") or {}
        if any(self.labels.get(key) != value for key, value in wanted.items()):
            return nobody + "node(s) didn't match Pod's node affinity/selector."
        for container in pod["spec"]["containers"]:
            limits = (container.get("resources") or {}).get("limits") or {}
            if int(limits.get("nvidia.com/gpu") or 0) > self.gpus:
                return nobody + "Insufficient nvidia.com/gpu."
        return ""

    def change(self, obj: Object, change: Callable[[Object], Object]) -> Object:
        resource = self.server.objects.resources.of_kind(obj["kind"])
        meta = obj["metadata"]
        return self.server.objects.patch(resource, meta["namespace"], meta["name"], change, How("kube-scheduler"))

    def event(self, obj: Object, reason: str, message: str, kind: str = "Normal", source: str = "kubelet") -> None:
        """Written once for the same message, and counted."""
        meta = obj["metadata"]
        about = {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
        }
        for one in self.server.objects.listed("Event", meta["namespace"]):
            if (one["involvedObject"]["uid"], one["reason"], one["message"]) == (meta["uid"], reason, message):
                one |= {"count": one["count"] + 1, "lastTimestamp": now()}
                if one["count"] < 5:
                    self.server.objects.update(one)
                return
        self.server.objects.create({
            "apiVersion": "v1", "kind": "Event", "involvedObject": about, "reason": reason, "message": message,
            "type": kind,
            "metadata": {"name": f"{meta['name']}.{uuid4().hex[:16]}", "namespace": meta["namespace"]}, "count": 1,
            "firstTimestamp": now(), "lastTimestamp": now(), "source": {"component": source},
        })  # fmt: skip

    def _work(self) -> None:
        while not self._closing.is_set():
            before = self.server.objects.storage.version
            try:
                self._crons.work()
                self._jobs.work()
                self._workloads.work()
                self._doors.work()
                self._start_pods()
            except Refusal as refusal:
                if refusal.code not in (404, 409):
                    self.failures.append(f"controllers: {refusal}")
            except Exception as error:  # noqa: BLE001
                import traceback

                self.failures.append(f"controllers: {error}\n{traceback.format_exc()}")
            with self.server.objects.storage.changed:
                if self.server.objects.storage.version == before:
                    self.server.objects.storage.changed.wait(0.1)

    def _start_pods(self) -> None:
        for obj in self.server.objects.listed("Pod"):
            status = (obj.get("status") or {}).get("phase")
            uid = obj["metadata"]["uid"]
            if uid not in self._pods and status in (None, "", "Pending"):
                pod = Pod(self, obj)
                with self._turn:
                    self._pods[uid] = pod
                pod.start()
