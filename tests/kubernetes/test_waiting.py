"""Waiting for what was applied: progress, and of what fails the one line, its events and its last words."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import wanted
from wanted import SCOPE

from cluster import ApiServer
from cluster.objects import How
from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes import obstacles, waiting
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.applying import apply_objects
from modelyard.targets.kubernetes.explaining import trouble_of
from modelyard.targets.kubernetes.observing import live_services, survey
from modelyard.targets.kubernetes.waiting import wait_until_ready

Object = dict[str, Any]
NAME, POD = "flights-prod-serving-api", "flights-prod-serving-api-1"
UP = {
    "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
    "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
}  # fmt: skip


@pytest.fixture
def api(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setattr(waiting, "LOOK_CLOSER", 0.0)
    monkeypatch.setattr(waiting, "_TICK", 0.02)
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "config")))
    api = Api.connect("tests", "default")
    apply_objects(api, SCOPE, [wanted.service(), wanted.deployment()], lambda event: None)
    return api


def status(server: ApiServer, **status: Any) -> None:
    server.objects.set_status("Deployment", "default", NAME, status)


@pytest.fixture
def pod(server: ApiServer, tmp_path: Path) -> Callable[..., None]:
    """Make the Deployment's pod, as a kubelet left it: `state` of its container, or a status of its own."""

    def make(
        state: Object | None = None,
        restarts: int = 0,
        last: Object | None = None,
        log: str = "",
        of: Object | None = None,
        **status: Any,
    ) -> None:
        template = server.objects.get("Deployment", "default", NAME)["spec"]["template"]
        spec = {**template["spec"], **(of or {})}
        meta = {"name": POD, "namespace": "default", "labels": SCOPE.match("serving.api")}
        made = server.objects.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
        container = {
            "name": "api", "image": "api:1", "imageID": "", "ready": False, "restartCount": restarts,
            "state": state or {}, "lastState": last or {},
        }  # fmt: skip
        found = {"phase": "Pending", "containerStatuses": [container], **status}
        server.objects.set_status("Pod", "default", POD, found)
        if log:
            path = tmp_path / "log"
            path.write_text("".join(f"{datetime.now(UTC).isoformat()[:26]}Z {line}\n" for line in log.splitlines()))
            server.logs.files["default", made["metadata"]["uid"], "api"] = path

    return make


def event(server: ApiServer, kind: str, name: str, reason: str, message: str) -> None:
    server.objects.create({
        "apiVersion": "v1", "kind": "Event", "metadata": {"generateName": "event-", "namespace": "default"},
        "involvedObject": {"kind": kind, "name": name, "namespace": "default"}, "type": "Warning", "count": 3,
        "reason": reason, "message": message, "lastTimestamp": datetime.now(UTC).isoformat()[:19] + "Z",
    })  # fmt: skip


def failure(api: Api, within: float = 5.0) -> ModelyardError:
    with pytest.raises(ModelyardError) as caught:
        wait_until_ready(api, SCOPE, [wanted.deployment()], lambda event: None, within=within)
    assert caught.value.address == "serving.api"
    assert caught.value.fix
    return caught.value


def test_progress_is_told_until_it_is_ready(server: ApiServer, api: Api) -> None:
    told: list[Mapping[str, Any]] = []

    def on_event(event: Mapping[str, Any]) -> None:
        told.append(event)
        status(server, **({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1} if len(told) == 1 else UP))

    [live] = wait_until_ready(api, SCOPE, [wanted.deployment()], on_event)
    assert live["status"]["availableReplicas"] == 1
    assert [event["text"] for event in told][-1] == f"Deployment {NAME}: 0 of 1 pods ready"


def test_an_image_that_cannot_be_pulled(
    server: ApiServer, api: Api, pod: Callable[..., None], monkeypatch: Any
) -> None:
    said = 'Back-off pulling image "api:1": not found'
    pod({"waiting": {"reason": "ImagePullBackOff", "message": said}})
    event(server, "Pod", POD, "Failed", "Failed to pull image")
    clock = count(0, 5)
    fast = SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda seconds: None)
    for module in (waiting, obstacles):
        monkeypatch.setattr(module, "time", fast)
    error = failure(api, within=10_000)
    assert (error.code, error.what) == (
        "image-pull", f"serving.api did not come up: image api:1 cannot be pulled: {said}",
    )  # fmt: skip
    assert "docker push api:1" in (error.fix or "")
    assert error.details == (f"Failed Pod/{POD}: Failed to pull image (×3)",)


def test_a_container_that_crashes_tells_its_last_words(api: Api, pod: Callable[..., None]) -> None:
    ended = {"terminated": {"exitCode": 3, "reason": "Error"}}
    log = "loading\nValueError: no such model"
    pod({"waiting": {"reason": "CrashLoopBackOff"}}, restarts=4, last=ended, log=log, phase="Running")
    error = failure(api)
    assert (error.code, "container api ended with exit code 3, 5 times" in error.what) == ("crashed", True)
    assert error.details[-2:] == ("loading", "ValueError: no such model")


def test_a_container_that_is_killed_for_its_memory(api: Api, pod: Callable[..., None]) -> None:
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    pod({"waiting": {"reason": "CrashLoopBackOff"}}, restarts=4, last=ended)
    error = failure(api)
    assert (error.code, error.fix) == ("out-of-memory", "raise `resources.memory`, or make it need less")
    assert "its limit is 1Gi" in error.what


def test_a_pod_of_an_earlier_version_is_no_problem_of_this_one(
    server: ApiServer, api: Api, pod: Callable[..., None]
) -> None:
    """Mended and applied again, while what failed before is still there, and told of in events."""
    ended = {"terminated": {"exitCode": 3, "reason": "Error"}}
    old = {"containers": [{"name": "api", "image": "api:0"}]}
    pod({"waiting": {"reason": "CrashLoopBackOff"}}, restarts=9, last=ended, of=old)
    event(server, "Pod", POD, "FailedMount", "no such volume")
    assert trouble_of(api, server.objects.get("Deployment", "default", NAME)) is None
    assert failure(api, within=0.3).code == "service-failed"


def test_an_evicted_pod(api: Api, pod: Callable[..., None]) -> None:
    pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    error = failure(api)
    assert (error.code, "The node was low on resource: memory." in error.what) == ("evicted", True)


def test_pods_that_a_quota_forbids(server: ApiServer, api: Api) -> None:
    said = (
        'Error creating: pods "x" is forbidden: exceeded quota: team, requested: limits.memory=1Gi, '
        "used: limits.memory=4Gi, limited: limits.memory=4Gi"
    )
    event(server, "ReplicaSet", f"{NAME}-5d4", "FailedCreate", said)
    error = failure(api, within=0.5)
    assert (error.code, "quota team of namespace default is used up" in error.what) == ("quota-exceeded", True)


def test_a_pod_that_no_node_takes_is_waited_for_and_then_told(api: Api, pod: Callable[..., None]) -> None:
    said = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": said}])
    error = failure(api, within=0.3)
    assert (error.code, said in error.what) == ("unschedulable", True)
    assert "ask for less nvidia.com/gpu" in (error.fix or "")


def test_a_deployment_that_its_controller_gave_up(server: ApiServer, api: Api) -> None:
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    status(server, observedGeneration=1, replicas=1, updatedReplicas=1, conditions=[late])
    assert "its pods were not ready in time" in failure(api).what


def test_what_is_deleted_meanwhile_is_not_waited_for(server: ApiServer, api: Api) -> None:
    server.objects.delete("Deployment", "default", NAME)
    assert "was deleted while it came up" in failure(api).what


def test_waiting_ends_when_it_is_cancelled(api: Api) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(ModelyardError, match="cancelled"):
        wait_until_ready(api, SCOPE, [wanted.deployment()], lambda event: None, cancel=cancel)


def test_services_are_seen_as_they_are(server: ApiServer, api: Api) -> None:
    def seen() -> tuple[str, str | None]:
        live = survey(api, SCOPE, [wanted.service(), wanted.deployment()]).services["serving.api"]
        return live.status, live.fingerprint

    assert seen() == ("starting", "f1")
    status(server, **UP)
    assert seen() == ("ready", "f1")
    live = live_services(api, SCOPE)["serving.api"]
    assert live.url == f"http://{NAME}.default.svc:80"
    status(server, **{**UP, "availableReplicas": 0})
    assert seen()[0] == "unhealthy"
    deployed = server.objects.get("Deployment", "default", NAME)
    server.objects.update({**deployed, "spec": {**deployed["spec"], "replicas": 0}}, How("kubectl-scale"))
    changed = survey(api, SCOPE, [wanted.deployment()]).services["serving.api"]
    assert (changed.status, changed.fingerprint) == ("stopped", None)
    assert ".spec.replicas: 0 → 1 (changed by kubectl-scale at" in changed.detail


def test_a_log_that_breaks_goes_on_without_a_line_twice(
    server: ApiServer, api: Api, pod: Callable[..., None], tmp_path: Path
) -> None:
    pod({"running": {}}, phase="Running", log="one\ntwo")
    read: list[str] = []

    def follow() -> None:
        read.extend(api.pod_log(POD, follow=True))

    thread = threading.Thread(target=follow, daemon=True)
    lines = api.pod_log(POD, follow=True)
    assert [next(lines), next(lines)] == ["one", "two"]
    server.faults.break_watches()
    with (tmp_path / "log").open("a") as log:
        log.write(f"{datetime.now(UTC).isoformat()[:26]}Z three\n")
    assert next(lines) == "three"
    lines.close()  # type: ignore[attr-defined]
    state = {"terminated": {"exitCode": 0}}
    ended = [{"name": "api", "image": "api:1", "imageID": "", "ready": False, "restartCount": 0, "state": state}]
    server.objects.set_status("Pod", "default", POD, {"phase": "Succeeded", "containerStatuses": ended})
    thread.start()
    thread.join(5)
    assert read == ["one", "two", "three"]
    assert list(api.pod_log(POD, tail=1)) == ["three"]
