"""A study that Katib leads, as the run sees it: its Experiment by itself, its Trials as Katib would write them."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from katib import install

from cluster import ApiServer
from documents import task_document
from modelyard.graph.model import Node, Resources
from modelyard.targets.base import Outcome
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.executor import KubernetesExecutor
from modelyard.targets.kubernetes.manifests import study_objects
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.operators.katib import COLLECTOR
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.targets.kubernetes.study_trials import Words, last_words_of
from modelyard.task import encode_event
from modelyard.trials import metric_event
from watching import eventually

NAMESPACE = "ml"
SCOPE = Scope("p", "prod", NAMESPACE)
NODE = Node(
    "tuning.late",
    "tune",
    config={
        "training": {"engine": "sklearn", "model": "Ridge"},
        "objectives": {"rmse": "minimize"},
        "space": {"alpha": {"choices": [1, 2]}},
        "budget": {"trials": 3, "parallel": 1},
    },
    outputs=("model", "trials", "plots"),
)
FINGERPRINT = "b3:" + "ab" * 32
NAME = SCOPE.study_name("tuning.late", FINGERPRINT)


class Study:
    """One run of the task in a thread, and what it told."""

    def __init__(self, server: ApiServer, root: Path) -> None:
        self.server, self.root = server, root
        self.events: list[Any] = []
        self.cancel = threading.Event()
        self.executors: list[KubernetesExecutor] = []

    def start(self, timeout: float | None = None, attempt: int = 1, **changes: Any) -> Callable[[], Outcome]:
        api = Api.connect("tests", NAMESPACE)
        cluster = Cluster(namespace=NAMESPACE, operators={"tuning": "katib"})
        executor = KubernetesExecutor(api, SCOPE, cluster, lambda node: "image:1")
        self.executors.append(executor)
        known = {"project": "p", "fingerprint": FINGERPRINT, "attempt": attempt, **changes}
        document = task_document(self.root, NODE, **known)
        outcomes: list[Outcome] = []

        def work() -> None:
            log = self.root / f"{len(self.executors)}.log"
            outcomes.append(executor.run(document, Resources(), timeout, log, self.events.append, self.cancel))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()

        def outcome() -> Outcome:
            thread.join(20)
            return outcomes[0]

        return outcome

    def there(self, kind: str = "Experiment") -> list[str]:
        return [one["metadata"]["name"] for one in self.server.objects.listed(kind, NAMESPACE)]

    def told(self, kind: str) -> list[str]:
        return [str(event["text"]) for event in self.events if event["event"] == kind]

    def says(self, condition: str = "", **status: Any) -> None:
        """As Katib would of the Experiment."""
        eventually(lambda: NAME in self.there(), 20)
        conditions = [{"type": condition, "status": "True", "message": "as Katib says"}] if condition else []
        self.server.objects.set_status("Experiment", NAMESPACE, NAME, {"conditions": conditions, **status})

    def trial(self, name: str, how: str) -> None:
        labels = {"katib.kubeflow.org/experiment": NAME}
        assignments = [{"name": "alpha", "value": "2"}]
        self.server.objects.create(
            {
                "apiVersion": "kubeflow.org/v1beta1", "kind": "Trial",
                "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
                "spec": {"parameterAssignments": assignments},
            }
        )  # fmt: skip
        self.server.objects.set_status("Trial", NAMESPACE, name, {"conditions": [{"type": how, "status": "True"}]})

    def gathering(self) -> dict[str, Any]:
        """What the Job that gathers is told."""
        eventually(lambda: bool(self.there("Job")), 20)
        (job,) = self.there("Job")
        eventually(lambda: job in self.there("ConfigMap"), 20)
        told = self.server.objects.get("ConfigMap", NAMESPACE, job)["data"]["node.json"]
        return dict(json.loads(told)["study"])


@pytest.fixture
def study(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Study]:
    server.make_namespace(NAMESPACE)
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "config", NAMESPACE)))
    study = Study(server, tmp_path)
    yield study
    study.cancel.set()
    for executor in study.executors:
        executor.close()


@pytest.fixture
def katib(server: ApiServer) -> None:
    install(server)


def test_without_katib_it_says_so_in_one_line(study: Study) -> None:
    outcome = study.start()()
    assert outcome.status == "failed"
    assert "Katib" in f"{outcome.reason} {outcome.fix}"


@pytest.mark.usefixtures("katib")
def test_trials_that_ended_are_handed_to_the_job_that_gathers_them(study: Study) -> None:
    study.start()
    study.says(trialsSucceeded=1, currentOptimalTrial={"observation": {"metrics": [{"name": "rmse", "latest": "1.5"}]}})
    eventually(lambda: NAME in study.there("ConfigMap"), 20)
    configmap = study.server.objects.get("ConfigMap", NAMESPACE, NAME)
    assert configmap["metadata"]["ownerReferences"][0]["kind"] == "Experiment"
    for name, how in (("a", "Succeeded"), ("b", "EarlyStopped"), ("c", "MetricsUnavailable")):
        study.trial(f"{NAME}-{name}", how)
    eventually(lambda: any(event.get("values") == {"best rmse": 1.5} for event in study.events), 20)
    study.says("Succeeded", trials=3)
    trials = study.gathering()["trials"]
    states = {one["name"][-1]: one["state"] for one in trials}
    assert states == {"a": "complete", "b": "pruned", "c": "fail"}
    assert trials[0]["words"] == {"alpha": "2"}
    assert study.there() == [NAME], "it is there until its trials are gathered"


@pytest.mark.usefixtures("katib")
def test_the_study_of_a_run_that_was_killed_goes_on(study: Study) -> None:
    document = task_document(study.root, NODE, project="p", fingerprint=FINGERPRINT)
    _, left = study_objects(document, NODE, SCOPE, Cluster(namespace=NAMESPACE), "image:1")
    uid = study.server.objects.create(left)["metadata"]["uid"]
    ended = study.start(run_id="another")
    eventually(lambda: "goes on with Experiment" in str(study.told("note")), 20)
    eventually(lambda: NAME in study.there("ConfigMap"), 20)  # the run did not come to making it
    assert study.server.objects.get("Experiment", NAMESPACE, NAME)["metadata"]["uid"] == uid
    study.says("Failed", trials=0)
    assert "Katib ended it: as Katib says" in ended().reason
    assert study.there() == study.there("ConfigMap") == []


@pytest.mark.usefixtures("katib")
def test_a_study_that_came_to_nothing_is_begun_anew(study: Study) -> None:
    first = study.start()
    study.says("Failed")
    assert first().status == "failed"
    study.start(attempt=2)
    eventually(lambda: NAME in study.there(), 20)
    assert study.told("note") == []


@pytest.mark.usefixtures("katib")
def test_five_failures_and_no_success_end_it(study: Study) -> None:
    ended = study.start()
    study.says(failedTrialList=[f"t{number}" for number in range(5)], trialsFailed=5)
    outcome = ended()
    assert "5 trials failed, and none went well" in outcome.reason
    assert outcome.fix
    assert len(study.told("warning")) == 5
    assert study.there() == []


@pytest.mark.usefixtures("katib")
@pytest.mark.parametrize("how", ["cancelled", "timeout"])
def test_who_ends_it_takes_the_experiment_away(study: Study, how: str) -> None:
    ended = study.start(timeout=1.5 if how == "timeout" else None)
    study.says()
    if how == "cancelled":
        study.cancel.set()
    assert ended().status == how
    assert study.there() == study.there("ConfigMap") == []


@pytest.mark.usefixtures("katib")
def test_an_experiment_that_somebody_deletes_is_missed(study: Study) -> None:
    ended = study.start()
    study.says()
    study.server.objects.delete("Experiment", NAMESPACE, NAME, {})
    assert "was deleted while it ran" in ended().reason


@pytest.mark.usefixtures("katib")
def test_an_experiment_of_another_spec_is_taken_away_with_the_next_study(study: Study) -> None:
    study.start(fingerprint="b3:" + "cd" * 32)
    eventually(lambda: len(study.there()) == 1, 20)
    study.start()
    eventually(lambda: study.there() == [NAME], 20)


@pytest.mark.usefixtures("katib")
def test_sweeping_takes_experiments_away(study: Study) -> None:
    study.start()
    study.says()
    api = Api.connect("tests", NAMESPACE)
    cluster = Cluster(namespace=NAMESPACE, operators={"tuning": "katib"})
    KubernetesExecutor(api, SCOPE, cluster, lambda node: "image:1").sweep()
    assert study.there() == []


class Logs:
    """An API of one pod's log, by container."""

    def __init__(self, **logs: list[str]) -> None:
        self.logs = {name.replace("_", "-"): lines for name, lines in logs.items()}

    def pod_log(self, pod: str, *, container: str, tail: int) -> list[str]:
        return self.logs[container][-tail:]


def pod(code: int, *containers: str) -> dict[str, Any]:
    ended = {"terminated": {"exitCode": code}}
    return {
        "metadata": {"name": "t-1-x", "ownerReferences": [{"kind": "Job", "name": "t-1"}]},
        "spec": {"containers": [{"name": name} for name in containers]},
        "status": {"containerStatuses": [{"name": name, "state": ended} for name in containers]},
    }


def test_why_a_trial_failed_is_read_where_katib_has_put_it() -> None:
    told = encode_event({"event": "error", "what": "rate is too large", "code": "trial-failed"})
    logs = Logs(
        task=[], metrics_logger_and_collector=["I1124 18:00 main.go:396] fitting", f"I1124 main.go:396] {told}"]
    )
    words = last_words_of(logs, "t-1", [pod(1, "task", COLLECTOR)])  # type: ignore[arg-type]
    assert words == Words("rate is too large", ("I1124 18:00 main.go:396] fitting",))


def test_a_metric_that_nobody_read_names_the_label() -> None:
    logs = Logs(task=[encode_event(metric_event("rmse", 1.0))])
    words = last_words_of(logs, "t-1", [pod(0, "task")])  # type: ignore[arg-type]
    assert "katib.kubeflow.org/metrics-collector-injection=enabled" in words.reason
    assert last_words_of(logs, "t-2", [pod(0, "task")]).reason == "its pod is gone"  # type: ignore[arg-type]
