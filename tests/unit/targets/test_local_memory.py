"""`resources.memory` on the local target: held to, for all processes of a task together."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_builders import command, run

from modelyard.targets.local.executor import LocalExecutor

MIB = 1 << 20
HOLDS = "import sys, time; held = b'x' * (int(sys.argv[1]) << 20); print('has it', flush=True); time.sleep(%s)"
IN_CHILDREN = (
    "import subprocess, sys\n"
    f"argv = [sys.executable, '-c', {HOLDS % 30!r}, '150']\n"
    "for _ in range(3):\n"  # one after the other: the first has its memory before the last wants its own
    "    child = subprocess.Popen(argv, stdout=subprocess.PIPE)\n"
    "    print(child.stdout.readline().decode(), flush=True)\n"
    "child.wait()\n"
)
SHARED = """
import os, sys, time
held = b'x' * (150 << 20)
for _ in range(4):
    if os.fork() == 0:
        time.sleep(1)
        os._exit(0)
for _ in range(4):
    os.wait()
open(sys.argv[1] + '/done', 'w').close()
"""


@pytest.fixture
def executor() -> Iterator[LocalExecutor]:
    executor = LocalExecutor(grace=0.5)
    yield executor
    executor.close()


def test_a_task_that_takes_too_much_is_ended_and_the_figures_are_said(executor: LocalExecutor, tmp_path: Path) -> None:
    outcome = run(executor, command(tmp_path, "python", "-c", HOLDS % 30, "300"), memory=100 * MIB)
    assert (outcome.status, outcome.code) == ("out-of-memory", "out-of-memory")
    said = r"it used (\d+) MiB of memory, and `resources.memory` allows 100 MiB"
    figures = re.fullmatch(said, outcome.reason)
    assert figures
    assert 100 < int(figures[1]) < 450
    assert "smaller batches" in outcome.fix


def test_what_its_processes_hold_counts_together(executor: LocalExecutor, tmp_path: Path) -> None:
    outcome = run(executor, command(tmp_path, "python", "-c", IN_CHILDREN), memory=300 * MIB)
    assert outcome.status == "out-of-memory"
    assert "has it" in "\n".join(outcome.tail)


def test_what_its_processes_share_counts_once(executor: LocalExecutor, tmp_path: Path) -> None:
    outcome = run(executor, command(tmp_path, "python", "-c", SHARED, "${outputs.out}"), memory=300 * MIB)
    assert outcome.status == "ok", outcome.reason


def test_what_was_not_stated_has_no_limit(executor: LocalExecutor, tmp_path: Path) -> None:
    task = command(tmp_path, "python", "-c", HOLDS % 0.5 + "; open(sys.argv[2] + '/x', 'w')", "300", "${outputs.out}")
    assert run(executor, task).status == "ok"


def test_an_inner_run_is_not_held_to_the_outer_ones_limit(executor: LocalExecutor, tmp_path: Path) -> None:
    sees = "import os, sys; open(sys.argv[1] + '/x', 'w'); sys.exit('MODELYARD_MEMORY' in os.environ)"
    outcome = run(executor, command(tmp_path, "python", "-c", sees, "${outputs.out}"), memory=300 * MIB)
    assert outcome.status == "ok", outcome.reason
