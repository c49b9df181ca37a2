"""`python -m modelyard.runtime NODE.json`, as a container would start it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from modelyard.graph.codec import node_to_json
from modelyard.graph.model import Node
from modelyard.runtime import warden
from modelyard.secrets import Redactor
from modelyard.task import TaskDocument, TaskResult, decode_event


def written(root: Path, node: Node, **changes: Any) -> Path:
    work = root / "work"
    work.mkdir(exist_ok=True)
    values: dict[str, Any] = {
        "project": "p", "root": str(root), "node": node_to_json(node), "fingerprint": f"b3:{'0' * 64}", "run_id": "r1",
        "inputs": {}, "store": {}, "workdir": str(work), "result": str(work / "result.json"), **changes,
    }  # fmt: skip
    path = work / "node.json"
    path.write_text(json.dumps(TaskDocument(**values).to_json()))
    return path


def start(path: Path, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "modelyard.runtime", str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def job(code: str) -> Node:
    return Node("steps.job", "command", config={"run": ["python", "-c", code, "${outputs.out}"]}, outputs=("out",))


def test_the_last_word_is_the_result_and_it_is_in_its_file(tmp_path: Path) -> None:
    code = "import sys, pathlib; pathlib.Path(sys.argv[1], 'x').touch(); print('working')"
    with start(written(tmp_path, job(code))) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = out.rstrip().split("\n")
    assert lines[0] == "working"
    event = decode_event(lines[-1])
    assert event is not None
    assert event["event"] == "result"
    in_file = TaskResult.from_json(json.loads((tmp_path / "work" / "result.json").read_text()))
    assert in_file == TaskResult.from_json(event["result"])


def test_a_failure_is_an_error_event_and_exit_code_1(tmp_path: Path) -> None:
    with start(written(tmp_path, job("import sys; sys.exit(7)"))) as process:
        out, _ = process.communicate(timeout=60)
    event = decode_event(out.rstrip().split("\n")[-1])
    assert process.returncode == 1
    assert event is not None
    assert event["event"] == "error"
    assert event["code"] == "command-failed"
    assert "exit code 7" in event["what"]


def test_a_function_that_raises_shows_its_own_lines_only(tmp_path: Path) -> None:
    (tmp_path / "prepare.py").write_text("def tidy():\n    return {}['carrier']\n")
    node = Node("steps.tidy", "function", config={"call": "prepare:tidy"}, outputs=("out",))
    with start(written(tmp_path, node)) as process:
        out, _ = process.communicate(timeout=60)
    event = decode_event(out.rstrip().split("\n")[-1])
    assert event is not None
    assert event["what"] == "KeyError: 'carrier'"
    assert event["fix"] == "see prepare.py:2, in tidy"
    assert "modelyard/steps" not in out


def test_what_a_function_prints_is_masked(tmp_path: Path) -> None:
    (tmp_path / "prepare.py").write_text(
        "import os\ndef tidy(out):\n    os.system('echo $KEY')\n    print(os.environ)\n"
    )
    config = {"call": "prepare:tidy", "env": {"KEY": "${secret.TOKEN}"}}
    node = Node("steps.tidy", "function", config=config, outputs=("out",))
    with start(written(tmp_path, node), TOKEN="t0ken-value") as process:
        out, err = process.communicate(timeout=60)
    assert "t0ken-value" not in out + err
    assert "***" in out


def test_sigterm_is_passed_on_and_answered_with_143(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time\nsignal.signal(15, lambda *_: sys.exit(print('saved')))\nprint('up')\ntime.sleep(60)"
    )
    with start(written(tmp_path, job(code))) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 143
    assert "saved" in out


@pytest.mark.parametrize("on_term", ["signal.SIG_DFL", "lambda *_: sys.exit(0)", "signal.SIG_IGN"])
def test_a_service_that_is_asked_to_end_ends_with_143_and_no_error(tmp_path: Path, on_term: str) -> None:
    code = f"import signal, sys, time\nsignal.signal(15, {on_term})\nprint('up', flush=True)\ntime.sleep(60)"
    node = Node("serving.api", "command", role="service", config={"run": ["python", "-c", code]})
    with start(written(tmp_path, node), MODELYARD_GRACE="0.3") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 143
    assert out.rstrip().split("\n")[-1].startswith("note: stopped"), "a service's events are plain words of its log"


def test_grace_is_bounded(tmp_path: Path) -> None:
    code = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('up')\ntime.sleep(60)"
    with start(written(tmp_path, job(code)), MODELYARD_GRACE="0.3") as process:
        assert process.stdout is not None
        process.stdout.readline()
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("text", ["", "{}", "[1]", "nonsense", "\x00"])
def test_a_bad_document_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "node.json").write_text(text)
    with start(tmp_path / "node.json") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Traceback" not in out + err


def test_light_steps_import_nothing_heavy(tmp_path: Path) -> None:
    path = written(tmp_path, job("import sys, pathlib; pathlib.Path(sys.argv[1], 'x').touch()"))
    heavy = ("pydantic", "rich", "sqlalchemy", "pandas", "pyarrow", "numpy", "psutil", "fsspec", "click")
    code = (
        "import sys, modelyard.runtime.__main__, modelyard.runtime.running, modelyard.steps.command, modelyard.store\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=path.parent)
    assert done.stdout.strip() == "[]"


def test_a_kernels_kill_for_memory_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[dict[str, Any]] = []
    guard = warden.Warden(
        _Nowhere(), lambda line: said.append(decode_event(line.decode().rstrip()) or {}), Redactor([]), 1
    )
    guard._status = signal.SIGKILL
    monkeypatch.setattr(warden.processes, "out_of_memory_kills", lambda: 4)
    assert guard._conclude(kills_before=3) == 137
    assert said[-1]["code"] == "out-of-memory"


class _Nowhere:
    def write(self, data: bytes) -> None:
        """Not looked at."""

    def finish(self) -> None:
        """Nothing is held back."""
