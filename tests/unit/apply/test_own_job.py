"""A signal to a run's pod: its Job deleted means «stop», its Job still there «another pod goes on»."""

import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from modelyard.apply import own_job
from modelyard.apply.own_job import OwnJob
from modelyard.errors import ModelyardError

POD = {"metadata": {"ownerReferences": [{"kind": "Job", "name": "run-1"}]}}
JOB = {"metadata": {"name": "run-1"}}
BEING_DELETED = {"metadata": {"name": "run-1", "deletionTimestamp": "2026-01-01T00:00:00Z"}}


class Cluster:
    def __init__(self, job: object) -> None:
        self.job = job

    def get(self, kind: object, name: str) -> object:
        if isinstance(self.job, ModelyardError):
            raise self.job
        return POD if name == "pod-1" else self.job


def signalled(job: object, pod: str = "pod-1") -> tuple[int, bool]:
    """The exit code of a process that gets SIGTERM and would end by itself with 7; whether it was cancelled."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        own_job.Api = type("Api", (), {"connect": staticmethod(lambda *_: Cluster(job))})
        cancel = threading.Event()
        OwnJob(pod, "work").cancel_on_signal(cancel)
        os.kill(os.getpid(), signal.SIGTERM)
        until = time.monotonic() + 10
        while not cancel.is_set() and time.monotonic() < until:
            time.sleep(0.01)
        os.write(writing, b"cancelled" if cancel.is_set() else b"")
        os._exit(7)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as stream:
        return os.waitstatus_to_exitcode(status), stream.read() == b"cancelled"


@pytest.mark.parametrize("job", [None, BEING_DELETED], ids=["gone", "going"])
def test_a_deleted_job_cancels_what_the_run_does(job):
    assert signalled(job) == (7, True)


@pytest.mark.parametrize("job", [JOB, ModelyardError("it does not answer")], ids=["there", "nobody to ask"])
def test_while_the_job_stays_the_pod_ends_as_if_it_was_killed(job):
    assert signalled(job) == (143, False)


def test_outside_of_a_cluster_a_signal_cancels():
    assert signalled(JOB, pod="") == (7, True)


def test_the_pod_says_who_it_is():
    of_this_pod: Callable[..., OwnJob] = OwnJob.of_this_pod
    assert of_this_pod({"MODELYARD_POD": "p", "MODELYARD_NAMESPACE": "ml"}) == OwnJob("p", "ml")
    assert of_this_pod({}).pod == ""
