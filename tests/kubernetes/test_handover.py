"""`apply` for a cluster, as whoever types it sees it: followed, left alone, interrupted, refused, cancelled."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster_project import NAMESPACE, ClusterProject, in_cluster

from modelyard.targets.kubernetes.manifests.pods import GRACE
from watching import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SPEC = """
version: 1
project: small
variables:
  word: {type: string, default: one}
  long: {type: string, default: ""}
steps:
  a: {run: 'python work.py ${outputs.out} ${var.word} "${var.long}"', outputs: {out: {type: files}}}
  b: {run: 'python work.py ${outputs.out} b ""', outputs: {out: {type: files}}, inputs: {a: steps.a}}
"""
WORK = """
import sys, time
from pathlib import Path
out, word, long = sys.argv[1:]
print("this is", word, flush=True)
time.sleep(600 if long else 0.1)
if word == "broken":
    sys.exit("a broken word")
Path(out).mkdir(parents=True, exist_ok=True)
Path(out, "word.txt").write_text(word)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProject]:
    folder = tmp_path_factory.mktemp("cluster")
    root = folder / "small"
    root.mkdir()
    (root / "mlops.yaml").write_text(SPEC)
    (root / "work.py").write_text(WORK)
    with in_cluster(root, folder) as project:
        yield project


@pytest.fixture(autouse=True)
def quiet(project: ClusterProject) -> None:
    """Each test begins where no run is, or was."""
    for job in project.listed("Job"):
        delete(project, job)
    eventually(lambda: not project.listed("Pod", "runner") and not project.listed("Pod", "task"), 120)


def delete(project: ClusterProject, job: dict[str, Any]) -> None:
    """As kubectl does."""
    name = job["metadata"]["name"]
    project.server.objects.delete("Job", NAMESPACE, name, {"propagationPolicy": "Background"})


def run_of(project: ClusterProject) -> dict[str, Any]:
    return max(project.listed("Job", "runner"), key=lambda job: job["metadata"]["creationTimestamp"])


def test_an_apply_shows_what_is_done_and_the_next_has_nothing_to_do(project):
    done = project.apply("--var", "word=two")
    assert "Ctrl-C leaves it running" in done.stderr
    assert "✓ steps.a" in done.stderr
    assert "nothing left to do" in done.stderr
    again = project.apply("--var", "word=two")
    assert "Nothing to do" in again.stderr
    assert project.actions("--var", "word=two") == {}


def test_the_run_says_the_same_to_who_asks_for_its_log(project):
    project.apply("--var", "word=three")
    said = project.run("logs", "apply").stdout
    assert "✓ steps.a" in said
    assert "modelyard {" not in said
    assert project.run("logs", "apply", "-n", "1").stdout.startswith("done: ")


def test_a_failure_is_told_with_its_last_words_and_its_exit_code(project):
    done = project.apply("--var", "word=broken", code=1)
    assert "✗ steps.a" in done.stderr
    assert "a broken word" in done.stderr
    assert "Not run, because steps.a failed" in done.stderr
    assert len(project.listed("Pod", "runner")) == 1, "a run that has failed is not tried again"


def test_an_interrupt_leaves_it_running_and_says_how_to_go_on(project):
    command = project.start("apply", "--auto-approve", "--var", "long=yes", "--var", "word=four")
    eventually(lambda: project.working() == {"steps.a"}, 60)
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=30)
    run = run_of(project)["metadata"]["name"]
    assert command.returncode == 130
    assert f"`kubectl delete job {run} -n work --context tests` ends it" in said
    assert project.working() == {"steps.a"}
    status = json.loads(project.run("status", "--format", "json").stdout)
    assert f"{run}" in status["under_way"]
    assert "this is four" in project.run("logs", "steps.a").stdout
    refused = project.apply(code=1).stderr
    assert "is under way" in refused
    assert "logs apply -F" in refused


def test_a_deleted_run_ends_its_tasks_and_the_next_apply_goes_on(project):
    project.apply("--detach", "--var", "long=yes", "--var", "word=five")
    eventually(lambda: "this is five" in project.run("logs", "steps.a", code=None).stdout, 60)
    delete(project, run_of(project))
    eventually(lambda: not project.listed("Job", "task"), 60)
    with project.state() as state:
        eventually(lambda: state.lock_holder("prod") is None, 120)
    with project.state() as state:
        assert state.runs("prod", "steps.a", limit=1)[0].status == "cancelled"
    assert "steps.a" in project.actions("--var", "long=yes", "--var", "word=five")


def test_a_run_deleted_in_the_second_its_task_starts_lets_go_of_the_lock(project):
    """Neither a task that missed its signal, nor a server that is not up yet, holds it up."""
    project.run("destroy", "--auto-approve")
    project.apply("--detach", "--var", "long=yes", "--var", "word=seven")
    eventually(lambda: project.listed("Job", "task"), 60)
    began = time.monotonic()
    delete(project, run_of(project))
    with project.state() as state:
        assert state.lock_holder("prod") is not None
    eventually(lambda: not project.listed("Pod", "task") and not project.listed("Pod", "runner"), 60)
    assert time.monotonic() - began < GRACE * 0.8
    with project.state() as state:
        assert state.lock_holder("prod") is None


def test_a_selection_is_the_runs_too(project):
    project.apply()
    project.apply("--var", "word=six", "--select", "steps.a")
    assert set(project.actions("--var", "word=six")) == {"steps.b"}


def test_a_plan_offline_asks_no_cluster(project):
    project.run("plan", "--offline", code=0)
    with_nothing = project.start("plan", "--offline", KUBECONFIG=str(Path("/nowhere/config")))
    said, _ = with_nothing.communicate()
    assert with_nothing.returncode == 0
    assert "steps.a" in said
