"""An executor and a cluster that only tells: no pod runs here, its kubelet is this test."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cluster import ApiServer
from cluster.workload_pods import pod_from
from documents import task_document
from modelyard.graph.model import Graph, Node, Resources
from modelyard.targets.base import Outcome
from modelyard.targets.kubernetes.target import KubernetesTarget
from modelyard.task import TaskDocument, TaskResult, encode_event
from watching import eventually

Object = dict[str, Any]
NAMESPACE = "work"


@dataclass
class Kubelet:
    """Does by hand what the Job controller and a kubelet do for the one Job that there is."""

    server: ApiServer
    root: Path
    events: list[Mapping[str, Any]] = field(default_factory=list)
    cancel: threading.Event = field(default_factory=threading.Event)

    def begin(self, task: TaskDocument, timeout: float | None = None) -> Callable[[], Outcome]:
        settings = {"namespace": NAMESPACE, "images": {"tasks": "tasks:1"}}
        executor = KubernetesTarget(Graph("told", {}), self.root, settings).executor()
        outcomes: list[Outcome] = []
        log = self.root / "task.log"

        def run() -> None:
            outcomes.append(executor.run(task, Resources(), timeout, log, self.events.append, self.cancel))
            executor.close()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()

        def outcome() -> Outcome:
            thread.join(20)
            return outcomes[0]

        eventually(lambda: self.server.objects.listed("Job", NAMESPACE))
        return outcome

    @property
    def job(self) -> Object:
        return self.server.objects.listed("Job", NAMESPACE)[0]

    def make_pod(self, name: str = "pod-1") -> None:
        self.server.objects.create(pod_from(self.job["spec"]["template"], self.job, name=name))

    def tell(self, state: Object, phase: str, name: str = "pod-1", **more: Any) -> None:
        status = {"name": "task", "image": "tasks:1", "state": state, "ready": False, "restartCount": 0}
        told = {"phase": phase, "containerStatuses": [{**status, "imageID": "", "lastState": {}}], **more}
        self.server.objects.set_status("Pod", NAMESPACE, name, told)

    def say(self, *lines: str, name: str = "pod-1") -> None:
        uid = self.server.objects.get("Pod", NAMESPACE, name)["metadata"]["uid"]
        path = self.server.logs.files.setdefault((NAMESPACE, uid, "task"), self.root / f"{name}.log")
        with path.open("a") as log:
            log.write("".join(f"2030-01-01T00:00:00.000000000Z {line}\n" for line in lines))

    def run_pod(self, *lines: str, name: str = "pod-1") -> None:
        self.make_pod(name)
        self.say(*lines, name=name)
        self.tell({"running": {"startedAt": "2030-01-01T00:00:00Z"}}, "Running", name)

    def end_pod(self, code: int, reason: str = "Error", name: str = "pod-1", **more: Any) -> None:
        ended = {"exitCode": code, "reason": reason, "finishedAt": "2030-01-01T00:00:01Z"}
        self.tell({"terminated": ended}, "Failed" if code else "Succeeded", name, **more)
        kind = "Failed" if code else "Complete"
        if not more:
            condition = {"type": kind, "status": "True", "lastTransitionTime": "2030-01-01T00:00:01Z"}
            self.server.objects.set_status("Job", NAMESPACE, self.job["metadata"]["name"], {"conditions": [condition]})


@pytest.fixture
def kubelet(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kubelet]:
    server.make_namespace(NAMESPACE)
    for account in ("tasks", "runner"):
        meta = {"name": f"told-default-{account}", "namespace": NAMESPACE}
        server.objects.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "kubeconfig", NAMESPACE)))
    yield Kubelet(server, tmp_path)
    assert server.objects.listed("ConfigMap", NAMESPACE) == [], "what a task is told goes with its end"
    for job in server.objects.listed("Job", NAMESPACE):
        ended = {one["type"] for one in (job.get("status") or {}).get("conditions") or ()}
        assert ended & {"Complete", "Failed"} and job["spec"]["ttlSecondsAfterFinished"] > 0, "only what has ended"


@pytest.fixture
def task(tmp_path: Path) -> TaskDocument:
    return task_document(
        tmp_path, Node("steps.a", "command", config={"run": ["true"]}, outputs=("out",)), project="told"
    )


def result_of(task: TaskDocument) -> str:
    return encode_event({"event": "result", "result": TaskResult(task.fingerprint, {}).to_json()})


def test_a_result_in_the_log_is_the_outcome(kubelet: Kubelet, task: TaskDocument) -> None:
    outcome = kubelet.begin(task)
    kubelet.run_pod("a line", encode_event({"event": "note", "text": "reading"}), result_of(task))
    kubelet.end_pod(0, "Completed")
    assert outcome().status == "ok", outcome()
    assert {"event": "note", "text": "reading"} in kubelet.events
    assert (kubelet.root / "task.log").read_text() == "a line\n"


def test_memory_that_ran_out_is_told_apart(kubelet: Kubelet, task: TaskDocument) -> None:
    outcome = kubelet.begin(task)
    kubelet.run_pod("holding")
    kubelet.end_pod(137, "OOMKilled")
    assert (outcome().status, outcome().code) == ("out-of-memory", "out-of-memory")


def test_an_exit_code_comes_with_the_last_line(kubelet: Kubelet, task: TaskDocument) -> None:
    outcome = kubelet.begin(task)
    kubelet.run_pod("no such carrier")
    kubelet.end_pod(3)
    assert (outcome().status, outcome().exit_code) == ("failed", 3)
    assert outcome().reason.endswith("exit code 3: no such carrier")


def test_who_waits_is_told_why(kubelet: Kubelet, task: TaskDocument) -> None:
    outcome = kubelet.begin(task)
    kubelet.make_pod()
    why = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "1 Insufficient cpu."}
    kubelet.server.objects.set_status("Pod", NAMESPACE, "pod-1", {"phase": "Pending", "conditions": [why]})
    eventually(lambda: any("Insufficient cpu" in str(event.get("text")) for event in kubelet.events))
    kubelet.cancel.set()
    assert outcome().status == "cancelled"


def test_the_pod_after_an_evicted_one_is_followed(kubelet: Kubelet, task: TaskDocument) -> None:
    outcome = kubelet.begin(task)
    kubelet.run_pod("epoch 1")
    taken = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    kubelet.end_pod(143, conditions=[taken])
    kubelet.run_pod("epoch 2", result_of(task), name="pod-2")
    kubelet.end_pod(0, "Completed", name="pod-2")
    assert outcome().status == "ok", outcome()
    assert (kubelet.root / "task.log").read_text() == "epoch 1\nepoch 2\n"
    warned = [str(event["text"]) for event in kubelet.events if event["event"] == "warning"]
    assert warned == ["pod pod-1 was taken off its node: the node is being drained; another pod takes its place"]


def test_a_job_that_may_not_be_made_is_a_failure_with_the_rule(kubelet: Kubelet, task: TaskDocument) -> None:
    kubelet.server.access.deny(verb="create", group="batch", plural="jobs")
    settings = {"namespace": NAMESPACE, "images": {"tasks": "tasks:1"}}
    executor = KubernetesTarget(Graph("told", {}), kubelet.root, settings).executor()
    outcome = executor.run(task, Resources(), None, kubelet.root / "task.log", kubelet.events.append, kubelet.cancel)
    executor.close()
    assert (outcome.status, outcome.code) == ("failed", "no-rights")
    assert '{apiGroups: ["batch"], resources: ["jobs"], verbs: ["create"]}' in outcome.fix


def test_a_result_stands_where_what_it_was_told_cannot_be_taken_away(kubelet: Kubelet, task: TaskDocument) -> None:
    rule = {"verb": "delete", "group": "", "plural": "configmaps"}
    kubelet.server.access.deny(**rule)
    outcome = kubelet.begin(task)
    kubelet.run_pod(result_of(task))
    kubelet.end_pod(0, "Completed")
    assert outcome().status == "ok", outcome()
    assert any("may not delete configmaps" in str(event.get("text")) for event in kubelet.events)
    kubelet.server.access.denied.clear()
    kubelet.server.objects.delete("ConfigMap", NAMESPACE, kubelet.job["metadata"]["name"])


def test_what_a_task_is_told_is_made_again_for_a_job_without_it(kubelet: Kubelet, task: TaskDocument) -> None:
    first = kubelet.begin(task)
    name = kubelet.job["metadata"]["name"]
    eventually(lambda: kubelet.server.objects.listed("ConfigMap", NAMESPACE))
    kubelet.server.objects.delete("ConfigMap", NAMESPACE, name)
    later = Kubelet(kubelet.server, kubelet.root)
    second = later.begin(task)
    eventually(
        lambda: [one["metadata"]["name"] for one in kubelet.server.objects.listed("ConfigMap", NAMESPACE)] == [name]
    )
    kubelet.run_pod(result_of(task))
    kubelet.end_pod(0, "Completed")
    # Whoever is first takes all away; in a cluster the first has been killed before the second begins.
    assert "ok" in {first().status, second().status}
