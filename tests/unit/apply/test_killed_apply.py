"""Kill -9 at every boundary: the next apply converges, and nothing that had finished runs again."""

import multiprocessing
import os
from pathlib import Path

import pytest
from apply_fakes import Yard, graph, node

from modelyard.graph.model import Graph, Ref

KILLED = 9
BOUNDARIES = 46


def pipeline() -> Graph:
    return graph(
        node("steps.scenes", config={"n": 1}),
        node("training.detector", "train", {"train": "steps.scenes:out"}, config={"metrics": {"mAP50": 0.9}}),
        node("registry.digits", "register", {"model": "training.detector:out"}, outputs=("version",)),
        node("serving.api", "serve", {"version": Ref("registry.digits", "version", follow=True)}),
    )


class Boundaries:
    """Counts the moments before and after whatever changes something, and dies at the n-th."""

    def __init__(self, yard: Yard, die_at: int) -> None:
        self.passed, self.die_at = 0, die_at
        for owner, names in (
            (yard.state, ("record_run", "record_applied", "finish_run", "journal")),
            (yard.store, ("put_tree", "put_result")),
            (yard.target, ("deploy",)),
        ):
            for name in names:
                setattr(owner, name, self.around(getattr(owner, name)))

    def around(self, work):
        def guarded(*args, **kwargs):
            self.step()
            result = work(*args, **kwargs)
            self.step()
            return result

        return guarded

    def step(self) -> None:
        self.passed += 1
        if self.passed == self.die_at:
            os._exit(KILLED)


# Forked off a process with one thread: in this one, other tests have left threads, and locks that they held.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(  # what its children would each import anew
    [
        "modelyard.apply.driver", "modelyard.apply.planning", "modelyard.plan.builder", "modelyard.state.sqlite",
        "modelyard.store", "modelyard.targets.base", "psutil", "pytest", "queue",
    ]
)  # fmt: skip


def apply_in_child(root: Path, die_at: int) -> int | None:
    """The exit status of a process that applies, and dies at a boundary: as kill -9 does, nothing is cleaned up."""
    process = PROCESSES.Process(target=apply_until, args=(root, die_at))
    process.start()
    process.join(60)
    return process.exitcode


def apply_until(root: Path, die_at: int) -> None:
    code = 1
    try:
        yard = Yard.at(root)
        remember_finished(yard, root / "finished")
        Boundaries(yard, die_at)
        code = 0 if yard.apply(pipeline(), parallelism=1).ok else 2
    finally:
        os._exit(code)


def remember_finished(yard: Yard, file: Path) -> None:
    """Note each task whose result is in the store, as the runtime leaves it there."""
    put = yard.store.put_result

    def noted(fingerprint, result):
        put(fingerprint, result)
        with file.open("a") as stream:
            stream.write(result.summary.removeprefix("made ") + "\n")

    yard.store.put_result = noted


@pytest.mark.parametrize("die_at", range(1, BOUNDARIES + 1))
def test_the_next_apply_goes_on_from_where_it_was(tmp_path: Path, die_at: int):
    assert apply_in_child(tmp_path, die_at) == KILLED
    noted = tmp_path / "finished"
    finished = set(noted.read_text().split()) if noted.exists() else set()
    yard = Yard.at(tmp_path)
    report = yard.apply(pipeline())
    assert report.ok
    assert not finished & set(yard.ran), f"ran again: {finished & set(yard.ran)}"
    assert set(yard.ran) | finished == {"steps.scenes", "training.detector", "registry.digits"}
    assert yard.plan(pipeline()).empty
    assert yard.state.verify_journal().ok
    assert {run.status for run in yard.state.runs("dev")} <= {"ok", "interrupted"}
    yard.state.close()


def test_the_boundaries_above_are_all_there_are(tmp_path: Path):
    assert apply_in_child(tmp_path, BOUNDARIES + 1) == 0
