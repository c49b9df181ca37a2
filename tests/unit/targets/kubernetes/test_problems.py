"""Why a pod does not run, read from what a kubelet, a scheduler and a controller write into its status."""

import math
from typing import Any

import pytest

from modelyard.targets.kubernetes.problems import event_problem, pod_problem

Object = dict[str, Any]


def pod(restart: str = "Never", **status: Any) -> Object:
    container = {"name": "task", "image": "registry/tasks:1", "resources": {"limits": {"memory": "2Gi"}}}
    spec = {"restartPolicy": restart, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec, "status": status}


def contained(state: Object, restart: str = "Never", restarts: int = 0, last: Object | None = None) -> Object:
    found = {
        "name": "task",
        "image": "registry/tasks:1",
        "state": state,
        "restartCount": restarts,
        "lastState": last or {},
    }
    return pod(restart, phase="Running", containerStatuses=[found])


def waits(reason: str, message: str = "", **more: Any) -> Object:
    return contained({"waiting": {"reason": reason, "message": message}}, **more)


@pytest.mark.parametrize(
    ("given", "code", "what", "fix", "patience"),
    [
        (
            waits("ImagePullBackOff", "pull access denied, repository does not exist"),
            "image-pull",
            "image registry/tasks:1 cannot be pulled: pull access denied",
            "docker-registry",
            10,
        ),
        (
            waits("ErrImagePull", "manifest unknown"),
            "image-pull",
            "manifest unknown",
            "docker push registry/tasks:1",
            10,
        ),
        (
            waits("ErrImagePull", "i/o timeout"),
            "image-pull",
            "i/o timeout",
            "see that the nodes reach the registry",
            120,
        ),
        (waits("ErrImageNeverPull", ""), "image-pull", "ErrImageNeverPull", "", 10),
        (
            waits("ErrImagePull", "no match for platform in manifest"),
            "image-pull",
            "no match for platform",
            "processors",
            10,
        ),
        (
            waits("CreateContainerConfigError", 'secret "flights-prod-secrets" not found'),
            "missing-secret",
            "there is no Secret flights-prod-secrets",
            "kubectl create secret generic flights-prod-secrets",
            30,
        ),
        (
            waits("CreateContainerConfigError", "couldn't find key TOKEN in Secret work/flights-prod-secrets"),
            "missing-secret",
            "Secret flights-prod-secrets has no key TOKEN",
            "kubectl edit secret",
            30,
        ),
        (
            waits("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
            "cannot-start",
            "runs as root",
            "numeric USER",
            10,
        ),
        (waits("RunContainerError", "exec format error"), "cannot-start", "exec format error", "processors", 30),
        (
            contained({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
            "out-of-memory",
            "was killed for its memory (its limit is 2Gi)",
            "raise `resources.memory`",
            0,
        ),
        (
            contained({"terminated": {"exitCode": 1}}),
            "crashed",
            "container task ended with exit code 1",
            "last lines",
            0,
        ),
        (
            waits("CrashLoopBackOff", restart="Always", restarts=1, last={"terminated": {"exitCode": 1}}),
            "crashed",
            "2 times",
            "last lines",
            60,
        ),
        (
            waits("CrashLoopBackOff", restart="Always", restarts=5, last={"terminated": {"exitCode": 1}}),
            "crashed",
            "6 times",
            "last lines",
            0,
        ),
        (
            pod(phase="Failed", reason="Evicted", message="The node was low on resource: ephemeral-storage."),
            "evicted",
            "pod p was evicted",
            "(ephemeral-storage)",
            0,
        ),
        (
            pod(
                phase="Running",
                conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}],
            ),
            "evicted",
            "one of higher priority needed its place",
            "apply again",
            0,
        ),
        (
            pod(phase="Failed", reason="DeadlineExceeded"),
            "timeout",
            "longer than its deadline",
            "raise its `timeout`",
            0,
        ),
        (
            pod(phase="Failed", reason="UnexpectedAdmissionError", message="Allocate failed due to no healthy devices"),
            "evicted",
            "no healthy devices",
            "apply again",
            0,
        ),
        (
            pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]),
            "queued",
            "it waits in its queue",
            "quota",
            math.inf,
        ),
    ],
)
def test_problems(given: Object, code: str, what: str, fix: str, patience: float) -> None:
    found = pod_problem(given)
    assert found is not None
    assert (found.code, found.patience) == (code, patience)
    assert what in found.what
    assert fix in found.fix


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ("0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3", "ask for less nvidia.com/gpu in"),
        ("0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient memory.", "ask for less cpu in"),
        ("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.", "target.kubernetes.store.class"),
        ("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.", "target.kubernetes.gpus"),
        ("0/2 nodes are available: 2 node(s) had untolerated taint {gpu: true}.", "tolerate their taint"),
    ],
)
def test_what_keeps_a_pod_from_every_node(said: str, fix: str) -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": said}
    found = pod_problem(pod(phase="Pending", conditions=[condition]))
    assert found is not None
    assert (found.code, said in found.what, fix in found.fix) == ("unschedulable", True, True)


@pytest.mark.parametrize(
    "given",
    [
        pod(),
        pod(phase="Pending"),
        waits("ContainerCreating"),
        waits("PodInitializing"),
        contained({"running": {}}),
        contained({"terminated": {"exitCode": 0}}),
        pod(conditions=[{"type": "PodScheduled", "status": "True"}]),
    ],
)
def test_a_pod_that_is_young_or_well_has_none(given: Object) -> None:
    assert pod_problem(given) is None


def test_a_crash_before_a_restart_names_the_log_of_that_instance() -> None:
    found = pod_problem(waits("CrashLoopBackOff", restarts=3, last={"terminated": {"exitCode": 1}}))
    assert found is not None
    assert (found.container, found.before) == ("task", True)


@pytest.mark.parametrize(
    ("reason", "said", "code"),
    [
        (
            "FailedCreate",
            'Error creating: pods "a" is forbidden: exceeded quota: few, requested: pods=1',
            "quota-exceeded",
        ),
        ("FailedCreate", 'Error creating: admission webhook "w" denied the request: no', "admission-denied"),
        ("FailedMount", 'MountVolume.SetUp failed for volume "x": configmap "y" not found', "volume"),
        ("ProvisioningFailed", 'storageclass.storage.k8s.io "fast" not found', "volume"),
    ],
)
def test_what_controllers_tell_in_events(reason: str, said: str, code: str) -> None:
    event = {"reason": reason, "message": said, "involvedObject": {"kind": "ReplicaSet", "name": "a"}}
    found = event_problem(event, "work", "context prod")
    assert found is not None
    assert (found.code, bool(found.fix)) == (code, True)


def test_other_events_are_no_problem() -> None:
    assert event_problem({"reason": "Scheduled", "message": "assigned"}, "work", "context prod") is None
