"""Bad moments: whatever is killed, nothing is left, and nobody waits for ever."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from local_builders import command, eventually, in_background, run

from documents import task_document
from modelyard.graph.model import Node
from modelyard.targets.local.executor import LocalExecutor
from modelyard.targets.local.launch import Launcher, SpawnedTask
from watching import with_marker

SLEEPER = "import time; time.sleep(600)"
LEAVES_GRANDCHILD = (
    "import subprocess, sys, time\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', sys.argv[1]], start_new_session=True)\n"
    "time.sleep(600)"
)


@pytest.fixture
def executor() -> Iterator[LocalExecutor]:
    executor = LocalExecutor(grace=0.5)
    yield executor
    executor.close()


def zygote_of(parent: int) -> psutil.Process:
    children = psutil.Process(parent).children()
    return next(child for child in children if "modelyard.targets.local.zygote" in child.cmdline())


def test_killing_the_client_ends_the_task_and_its_grandchildren(tmp_path: Path) -> None:
    marker = uuid4().hex
    client = textwrap.dedent(f"""
        import sys
        sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[2])]!r}
        from pathlib import Path
        from local_builders import command, run
        from modelyard.targets.local.executor import LocalExecutor
        task = command(Path({str(tmp_path)!r}), "python", "-c", {LEAVES_GRANDCHILD!r}, {marker!r})
        run(LocalExecutor(grace=0.5), task)
    """)
    with subprocess.Popen([sys.executable, "-c", client]) as process:
        eventually(lambda: len(with_marker(marker)) == 2)
        process.kill()
    eventually(lambda: not with_marker(marker))


def test_killing_the_zygote_ends_its_tasks_and_later_ones_do_without_it(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    marker = uuid4().hex
    outcome = in_background(lambda: run(executor, command(tmp_path, "python", "-c", SLEEPER, marker)))
    eventually(lambda: with_marker(marker))
    zygote_of(os.getpid()).kill()
    assert outcome().status == "failed"
    eventually(lambda: not with_marker(marker))
    assert run(executor, command(tmp_path, "touch", "${outputs.out}/x")).status == "ok"


@pytest.mark.parametrize("level", [0, 1], ids=["warden", "step"])
def test_killing_a_runtime_process_ends_all_below_it(executor: LocalExecutor, tmp_path: Path, level: int) -> None:
    marker = uuid4().hex
    outcome = in_background(lambda: run(executor, command(tmp_path, "python", "-c", LEAVES_GRANDCHILD, marker)))
    eventually(lambda: len(with_marker(marker)) == 2)
    warden = zygote_of(os.getpid()).children()[0]
    (warden if level == 0 else warden.children()[0]).kill()
    assert outcome().status == "failed"
    eventually(lambda: not with_marker(marker))


def test_a_task_too_large_for_the_zygote_is_spawned(
    executor: LocalExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LARGE", "x" * 110_000)
    assert run(executor, command(tmp_path, "touch", "${outputs.out}/x")).status == "ok"


def test_the_plain_way_to_start_does_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Launcher, "_fork", lambda *_: None)
    marker = uuid4().hex
    executor, cancel = LocalExecutor(grace=0.5), threading.Event()
    assert run(executor, command(tmp_path, "touch", "${outputs.out}/x")).status == "ok"
    outcome = in_background(lambda: run(executor, command(tmp_path, "python", "-c", SLEEPER, marker), cancel))
    eventually(lambda: with_marker(marker))
    cancel.set()
    assert outcome().status == "cancelled"
    assert not with_marker(marker)


def test_a_spawned_task_tells_how_it_ended(tmp_path: Path) -> None:
    task = SpawnedTask(str(tmp_path / "missing.json"), dict(os.environ))
    assert task.exit_code(20) == 2
    assert b"cannot read the task document" in os.read(task.output, 4096)
    os.close(task.output)


def test_the_child_that_was_forked_ahead_may_be_killed(executor: LocalExecutor, tmp_path: Path) -> None:
    task = command(tmp_path, "touch", "${outputs.out}/x")
    assert run(executor, task).status == "ok"
    warm = psutil.Process(executor._launcher._process.pid)
    eventually(warm.children)
    (ahead,) = warm.children()
    ahead.kill()
    eventually(lambda: not ahead.is_running())
    assert run(executor, task).status == "ok"


def test_closing_ends_what_still_runs(tmp_path: Path) -> None:
    marker = uuid4().hex
    executor = LocalExecutor(grace=0.5)
    outcome = in_background(lambda: run(executor, command(tmp_path, "python", "-c", SLEEPER, marker)))
    eventually(lambda: with_marker(marker))
    executor.close()
    assert outcome().status == "failed"
    assert not with_marker(marker)


def test_equal_work_at_the_same_time_is_done_once(executor: LocalExecutor, tmp_path: Path) -> None:
    (tmp_path / "once.py").write_text(
        "import os, sys, time, pathlib\n"
        "while not os.path.exists('go'): time.sleep(0.02)\n"
        "open('n', 'a').write('x')\n"
        "pathlib.Path(sys.argv[1], 'x').touch()\n"
    )
    node = command(tmp_path, "python", "once.py", "${outputs.out}", marker := uuid4().hex)
    twins = [in_background(lambda: run(executor, node)) for _ in range(2)]
    eventually(lambda: with_marker(marker))
    time.sleep(0.3)  # the second has come to wait for the first
    (tmp_path / "go").touch()
    assert [outcome().status for outcome in twins] == ["ok"] * 2
    assert (tmp_path / "n").read_text() == "x"


def test_gpus_are_lent_one_to_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    executor = LocalExecutor()
    assert executor.capacity().gpu == 2
    (tmp_path / "which.py").write_text(
        "import os, sys, time, pathlib\n"
        "pathlib.Path(sys.argv[1]).write_text(os.environ['CUDA_VISIBLE_DEVICES'])\n"
        "pathlib.Path(sys.argv[2], 'x').touch()\n"
        "while sum(map(os.path.exists, sys.argv[3:])) < 2: time.sleep(0.02)\n"  # two run side by side
    )
    seen = [tmp_path / name for name in "abc"]
    names = [str(path) for path in seen]
    tasks = [command(tmp_path, "python", "which.py", name, "${outputs.out}", *names) for name in names]
    outcomes = [in_background(lambda task=task: run(executor, task, gpu=1)) for task in tasks]
    assert [outcome().status for outcome in outcomes] == ["ok"] * 3
    assert {path.read_text() for path in seen} == {"4", "7"}
    executor.close()


def test_more_gpus_than_there_are_is_a_failure_at_once(executor: LocalExecutor, tmp_path: Path) -> None:
    outcome = run(executor, command(tmp_path, "true"), gpu=99)
    assert outcome.status == "failed"
    assert "99 GPUs" in outcome.reason


def test_an_out_of_memory_error_is_told_apart(executor: LocalExecutor, tmp_path: Path) -> None:
    (tmp_path / "big.py").write_text("def grow():\n    raise MemoryError\n")
    task = task_document(tmp_path, Node("steps.big", "function", config={"call": "big:grow"}, outputs=("out",)))
    assert run(executor, task).status == "out-of-memory"


def test_a_finished_task_leaves_no_working_folder(executor: LocalExecutor, tmp_path: Path) -> None:
    task = command(tmp_path, "touch", "${outputs.out}/x")
    assert run(executor, task).status == "ok"
    assert not Path(task.workdir).exists()


def test_ctrl_c_in_the_clients_thread_ends_the_task(tmp_path: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in a shell's background starts with it ignored
    marker = uuid4().hex
    executor = LocalExecutor(grace=0.5)

    def press() -> None:
        eventually(lambda: with_marker(marker))
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        run(executor, command(tmp_path, "python", "-c", SLEEPER, marker))
    eventually(lambda: not with_marker(marker))
    executor.close()
