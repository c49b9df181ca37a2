"""Order, room and endings, with jobs that do nothing but be counted."""

import threading
import time

import pytest

from modelyard.apply.scheduler import Job, Scheduler, urgencies
from modelyard.graph.model import Resources
from modelyard.targets.base import Capacity


def schedule(jobs, work=lambda address: "ok", quick=lambda address: None, **options):
    order = []

    def noted(address):
        order.append(address)
        return work(address)

    cancel = options.pop("cancel", threading.Event())
    stopped = Scheduler({job.address: job for job in jobs}, noted, quick, cancel, **options).run()
    return order, stopped


def test_each_runs_after_what_it_needs():
    jobs = [Job("c", frozenset({"a", "b"})), Job("b", frozenset({"a"})), Job("a")]
    assert schedule(jobs)[0] == ["a", "b", "c"]


def test_what_holds_up_most_starts_first():
    jobs = [Job("short", urgency=1), Job("long", urgency=100), Job("middle", urgency=10)]
    assert schedule(jobs, slots=1)[0] == ["long", "middle", "short"]


def test_urgency_is_the_longest_chain_below():
    needs = {"a": [], "b": ["a"], "c": ["b"], "d": []}
    assert urgencies(needs, {"a": 1, "b": 5, "c": 2, "d": 4}) == {"a": 8, "b": 7, "c": 2, "d": 4}


def test_gpus_are_lent_as_there_are():
    running, most, turn = set(), [], threading.Lock()

    def work(address):
        with turn:
            running.add(address)
            most.append(len(running))
        time.sleep(0.02)
        with turn:
            running.discard(address)
        return "ok"

    jobs = [Job(str(n), resources=Resources(cpu=0.1, gpu=1)) for n in range(6)]
    schedule(jobs, work, capacity=Capacity(cpu=64, gpu=2))
    assert max(most) == 2


def test_quick_jobs_take_no_thread():
    threads = set()

    def quick(address):
        threads.add(threading.current_thread())
        return "ok"

    jobs = [Job(str(n), frozenset({str(n - 1)} if n else ())) for n in range(5_000)]
    order, stopped = schedule(jobs, quick=quick)
    assert (order, stopped.waiting) == ([], ())
    assert threads == {threading.current_thread()}


def test_a_fatal_ending_stops_all_even_where_it_is_to_keep_going():
    jobs = [Job("a"), Job("b")]
    order, stopped = schedule(jobs, lambda address: "fatal", slots=1, keep_going=True)
    assert order == ["a"]
    assert stopped.waiting == ("b",)


def test_what_a_worker_raises_is_raised_after_the_others_ended():
    ended = []

    def work(address):
        if address == "bad":
            raise ZeroDivisionError
        time.sleep(0.05)
        ended.append(address)
        return "ok"

    with pytest.raises(ZeroDivisionError):
        schedule([Job("bad"), Job("good")], work)
    assert ended == ["good"]


def test_nothing_starts_once_cancelled():
    cancel = threading.Event()
    cancel.set()
    order, stopped = schedule([Job("a"), Job("b", frozenset({"a"}))], cancel=cancel)
    assert order == []
    assert stopped.waiting == ("a", "b")


def test_many_jobs_that_do_not_fit_cost_little():
    jobs = [Job(str(n), resources=Resources(cpu=1)) for n in range(3_000)]
    begun = time.monotonic()
    assert len(schedule(jobs, capacity=Capacity(cpu=2))[0]) == 3_000
    assert time.monotonic() - begun < 10
