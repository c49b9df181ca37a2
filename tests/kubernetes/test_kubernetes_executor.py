"""Tasks as Jobs at bad moments: whoever waits is told why, nothing is left, and a killed runner costs no work."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kube_yard import NAMESPACE, yard_of
from pod_yard import OUT, SLOW, WRITE, Tasks

from cluster.objects import How
from modelyard.targets.kubernetes.manifests.pods import GRACE
from watching import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tasks]:
    root = tmp_path_factory.mktemp("project")
    (root / "code.py").write_text("")
    with yard_of(root, tmp_path_factory.mktemp("cluster"), "moments") as yard:
        yield Tasks(yard, root)


@pytest.fixture
def tasks(yard: Tasks) -> Iterator[Tasks]:
    yard.events.clear()
    yield yard
    yard.yard.server.faults.clear()
    yard.close()
    until = time.monotonic() + 20
    while left := yard.left():
        assert time.monotonic() < until, (left, yard.yard.node.running)
        time.sleep(0.1)
    for name in yard.kept():
        yard.delete_job(name)


def test_an_ended_job_stays_to_be_looked_at(tasks: Tasks) -> None:
    task = tasks.python(f"print('did it'); {WRITE}", OUT)
    assert tasks.run(task).status == "ok"
    assert tasks.run(tasks.python("raise SystemExit(3)")).status == "failed"
    eventually(lambda: len(tasks.kept()) == 2)
    assert tasks.left() == []
    job = next(job for job in tasks.yard.listed("Job") if task.run_id[:8] in job["metadata"]["name"])
    assert job["spec"]["ttlSecondsAfterFinished"] == 3600
    (pod,) = [pod for pod in tasks.yard.listed("Pod") if pod["metadata"]["name"].startswith(job["metadata"]["name"])]
    log = tasks.yard.server.logs.files[NAMESPACE, pod["metadata"]["uid"], "task"].read_text()
    assert "did it" in log


def test_the_same_work_asked_for_again_is_done_again(tasks: Tasks) -> None:
    """What came of the kept Job was heard once: who asks again has lost it since."""
    first = tasks.python(WRITE, OUT)
    assert tasks.run(first).status == "ok"
    eventually(lambda: len(tasks.kept()) == 1)
    again = tasks.python(WRITE, OUT, fingerprint=first.fingerprint)
    done = tasks.run(again)
    assert done.result is not None, done
    assert done.result.run_id == again.run_id
    eventually(lambda: len(tasks.kept()) == 2)


def test_without_a_time_to_keep_it_nothing_stays(tasks: Tasks) -> None:
    assert tasks.run(tasks.python(WRITE, OUT), tasks.executor(keep=0)).status == "ok"
    assert tasks.left() == tasks.kept() == []


def test_what_is_cancelled_is_gone_at_once_even_in_the_second_of_its_start(tasks: Tasks) -> None:
    """Process 1 of a container would miss the signal, and run on until its grace is over."""
    cancel = threading.Event()
    tasks.yard.node.haste = 1.0
    outcome = tasks.background(tasks.python(SLOW), cancel=cancel)
    eventually(lambda: any("running" in str(pod.get("status")) for pod in tasks.yard.listed("Pod")))
    began = time.monotonic()
    cancel.set()
    assert outcome().status == "cancelled"
    tasks.yard.node.haste = 5
    assert time.monotonic() - began < GRACE * 0.7
    assert tasks.left() == tasks.kept() == []


def test_what_a_task_is_told_goes_with_its_job(tasks: Tasks) -> None:
    cancel = threading.Event()
    outcome = tasks.background(task := tasks.python(SLOW), cancel=cancel)
    eventually(lambda: "working" in tasks.said(task))
    (job,) = tasks.yard.listed("Job")
    (told,) = [one for one in tasks.yard.listed("ConfigMap") if one["metadata"]["name"] == job["metadata"]["name"]]
    assert told["immutable"] is True
    assert [owner["uid"] for owner in told["metadata"]["ownerReferences"]] == [job["metadata"]["uid"]]
    cancel.set()
    assert outcome().status == "cancelled"


def test_memory_that_runs_out_is_told_apart(tasks: Tasks) -> None:
    outcome = tasks.background(task := tasks.python(SLOW), memory=256 << 20)
    eventually(lambda: "working" in tasks.said(task))
    tasks.yard.node.pod("moments").oom()
    assert outcome().status == "out-of-memory"
    assert "256Mi" in outcome().reason
    assert "resources.memory" in outcome().fix


def test_another_pod_goes_on_where_one_was_evicted(tasks: Tasks) -> None:
    program = (
        "import os, pathlib, sys, time\nkept = pathlib.Path(os.environ['MODELYARD_WORKDIR'], 'epoch')\n"
        "if not kept.exists(): kept.touch(); print('working', flush=True); time.sleep(600)\n"
        "print('went on'); pathlib.Path(sys.argv[1], 'x').touch()"
    )
    outcome = tasks.background(task := tasks.python(program, OUT))
    eventually(lambda: "working" in tasks.said(task))
    tasks.yard.node.pod("moments").evict()
    assert outcome().status == "ok", outcome()
    assert tasks.said(task).index("working") < tasks.said(task).index("went on")
    assert any("evicted: The node was low on resource: memory" in text for text in tasks.told("warning"))


def test_a_task_that_is_evicted_again_and_again_is_a_failure(tasks: Tasks) -> None:
    outcome = tasks.background(task := tasks.python(SLOW))
    for times in range(1, 5):
        eventually(lambda times=times: tasks.said(task).count("working") == times)
        tasks.yard.node.pod("moments").evict()
    assert (outcome().status, outcome().code) == ("failed", "evicted")
    assert "memory" in outcome().fix


def test_an_image_that_is_nowhere_is_a_failure_that_names_it(tasks: Tasks) -> None:
    executor = tasks.executor(images={"tasks": "registry.tests/none:1"})
    outcome = tasks.run(tasks.python(WRITE, OUT), executor)
    assert (outcome.status, outcome.code) == ("failed", "image-pull")
    assert "registry.tests/none:1" in outcome.reason
    assert "docker push" in outcome.fix


def test_who_waits_for_a_node_is_told_why_and_the_timeout_waits_too(tasks: Tasks) -> None:
    outcome = tasks.background(task := tasks.python(WRITE, OUT), timeout=3.0, gpu=1)
    eventually(lambda: any("Insufficient nvidia.com/gpu" in text for text in tasks.told()))
    tasks.yard.node.cordoned = True
    eventually(lambda: any("unschedulable" in text for text in tasks.told()))
    threading.Event().wait(3.0)
    tasks.yard.node.gpus, tasks.yard.node.cordoned = 1, False
    assert outcome().status == "ok", (outcome(), tasks.said(task))
    tasks.yard.node.gpus = 0


def test_who_waits_for_a_node_can_be_cancelled(tasks: Tasks) -> None:
    cancel = threading.Event()
    outcome = tasks.background(tasks.python(WRITE, OUT), gpu=8, cancel=cancel)
    eventually(tasks.told)
    cancel.set()
    assert outcome().status == "cancelled"


def test_a_job_deleted_by_hand_is_a_failure_at_once(tasks: Tasks) -> None:
    outcome = tasks.background(task := tasks.python(SLOW))
    eventually(lambda: "working" in tasks.said(task))
    tasks.delete_job(tasks.jobs()[0])
    assert (outcome().status, outcome().code) == ("failed", "job-removed")


def test_a_quota_is_told_while_waiting(tasks: Tasks) -> None:
    objects = tasks.yard.server.objects
    meta = {"name": "none", "namespace": NAMESPACE}
    objects.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": {"pods": "0"}}})
    outcome = tasks.background(tasks.python(WRITE, OUT))
    eventually(lambda: any("quota none" in text for text in tasks.told()))
    objects.delete("ResourceQuota", NAMESPACE, "none")
    assert outcome().status == "ok"


def test_broken_streams_and_busy_servers_cost_nothing(tasks: Tasks) -> None:
    server = tasks.yard.server
    lines = "import pathlib, sys, time\nfor n in range(40): print('line', n, flush=True); time.sleep(0.1)\n"
    server.faults.add(429, verb="create", plural="jobs", retry_after=1)
    outcome = tasks.background(task := tasks.python(f"{lines}pathlib.Path(sys.argv[1], 'x').touch()", OUT))
    for after in (3, 10, 20):
        eventually(lambda after=after: f"line {after}\n" in tasks.said(task))
        server.faults.break_watches()
        server.objects.storage.forget_events()
        server.faults.add(500, verb="list", plural="pods")
    assert outcome().status == "ok", outcome()
    said = [line for line in tasks.said(task).splitlines() if line.startswith("line ")]
    assert said == [f"line {n}" for n in range(40)], "each line once, in order"


def test_a_result_whose_log_is_lost_is_found_in_the_store(tasks: Tasks) -> None:
    task = tasks.python(f"import time; time.sleep(1); {WRITE}", OUT)
    outcome = tasks.background(task)
    eventually(lambda: tasks.yard.server.logs.files)
    eventually(lambda: tasks.yard.listed("Pod"))
    tasks.yard.server.faults.add(
        404, times=1000, verb="get", plural="pods", name=tasks.yard.listed("Pod")[0]["metadata"]["name"]
    )
    assert outcome().status == "ok", outcome()


# A runner that was killed


def test_the_next_executor_goes_on_with_a_job_that_runs(tasks: Tasks) -> None:
    program = f"import time\nfor n in range(30): print('line', n, flush=True); time.sleep(0.1)\n{WRITE}"
    task = tasks.python(program, OUT)
    first = tasks.background(task)
    eventually(lambda: "line 5" in tasks.said(task))
    (job,) = tasks.jobs()
    later = tasks.python(program, OUT, fingerprint=task.fingerprint, workdir=task.workdir)
    done = tasks.run(later, tasks.executor())
    assert done.status == "ok", done
    assert done.result is not None
    assert done.result.run_id == task.run_id, "the work was done once"
    assert any(job in text for text in tasks.told())
    assert "line 0\n" in tasks.said(later)
    first()


def test_a_job_that_ended_meanwhile_is_taken_as_it_ended(tasks: Tasks) -> None:
    task = tasks.python(WRITE, OUT)
    _leave(tasks, task)
    eventually(lambda: (tasks.yard.listed("Job")[0].get("status") or {}).get("succeeded"))
    later = tasks.python(WRITE, OUT, fingerprint=task.fingerprint)
    done = tasks.run(later, tasks.executor())
    assert done.result is not None, done
    assert done.result.run_id == task.run_id


def test_a_job_of_other_work_makes_room(tasks: Tasks) -> None:
    _leave(tasks, tasks.python(SLOW))
    assert tasks.run(tasks.python(WRITE, OUT), tasks.executor()).status == "ok"


def test_sweeping_takes_what_is_left_and_nothing_else(tasks: Tasks) -> None:
    _leave(tasks, tasks.python(SLOW))
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other", "namespace": NAMESPACE}}
    tasks.yard.server.objects.create(other, How("somebody"))
    tasks.executor().sweep()
    eventually(lambda: tasks.left() == [], 40)
    assert tasks.yard.server.objects.get("ConfigMap", NAMESPACE, "other")


def test_closing_ends_what_still_runs(tasks: Tasks) -> None:
    executor = tasks.executor()
    outcome = tasks.background(task := tasks.python(SLOW), executor)
    eventually(lambda: "working" in tasks.said(task))
    executor.close()
    assert outcome().status == "failed"


def _leave(tasks: Tasks, task: object) -> None:
    """What a runner leaves that is killed right after it made a Job."""
    from modelyard.graph.codec import node_from_json
    from modelyard.targets.kubernetes.manifests import task_objects
    from modelyard.targets.kubernetes.settings import Cluster
    from modelyard.task import TaskDocument

    assert isinstance(task, TaskDocument)
    yard = tasks.yard
    cluster = Cluster.from_settings(yard.settings)
    told, job = task_objects(task, node_from_json(task.node), yard.scope, cluster, cluster.images["tasks"])
    made = yard.server.objects.create(job)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": made["metadata"]["name"], "uid": made["metadata"]["uid"]}
    yard.server.objects.create({**told, "metadata": {**told["metadata"], "ownerReferences": [owner]}})
    eventually(lambda: _begun(tasks))


def _begun(tasks: Tasks) -> bool:
    """Before it listens to signals, the first process of a container is ended by nothing but the end of its grace."""
    logs = [file.read_text() for file in tasks.yard.server.logs.files.values() if file.exists()]
    ended = [pod for pod in tasks.yard.listed("Pod") if (pod.get("status") or {}).get("phase") == "Succeeded"]
    return bool(ended) or any("working" in text for text in logs[-1:])


def test_many_at_once_come_and_go(tasks: Tasks) -> None:
    executor = tasks.executor()
    waiting = [tasks.background(tasks.python(WRITE, OUT), executor) for _ in range(12)]
    assert [outcome().status for outcome in waiting] == ["ok"] * 12


def test_no_more_run_at_once_than_the_spec_says(tasks: Tasks) -> None:
    executor = tasks.executor(parallelism=1)
    outcomes = [tasks.background(tasks.python(f"import time; time.sleep(1); {WRITE}", OUT), executor) for _ in range(2)]
    most = 0
    while any(thread.is_alive() for thread in tasks.threads):
        most = max(most, len(tasks.jobs()) - len(tasks.kept()))
        time.sleep(0.05)
    assert ([outcome().status for outcome in outcomes], most) == (["ok", "ok"], 1)


def test_the_project_is_there_to_read(tasks: Tasks, tmp_path: Path) -> None:
    tries = (
        "import os, sys\n"
        "for path in ('/x', '/usr/x', 'code.py', sys.argv[1] + '/x', '/tmp/x'):\n"
        "    try: open(path, 'a').close(); print('wrote', path)\n"
        "    except OSError as error: print('refused', path, error.errno)\n"
        "print('user', os.getuid(), os.getgid(), 'home', os.environ['HOME'])\n"
        "print('token', os.path.exists('/var/run/secrets/kubernetes.io/serviceaccount/token'))\n"
    )
    task = tasks.python(tries, OUT)
    assert tasks.run(task).status == "ok", tasks.said(task)
    said = tasks.said(task)
    assert said.count("wrote") == 2, said
    assert "user 10001 10001 home /tmp" in said
    assert "token False" in said
