"""A secret's value is in no file of the project and on no screen, however hard a step tries."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e_project import Project, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

VALUE = 's3cr3t "word" with ünïcode & more'
FORMS = [VALUE, VALUE.replace('"', '\\"'), VALUE.encode("unicode_escape").decode(), VALUE[: VALUE.index('"')].strip()]
IN_FILE = "from-a-file-7f3a9c"

TALKER = """
import json, os, sys, time
key, other = os.environ["API_KEY"], os.environ["OTHER"]
assert (len(key), len(other)) == (LENGTH, LONG)
print("the key is", key)
print(json.dumps({"key": key, "other": other}), flush=True)
sys.stderr.write(f"{key}{key}{other}\\n")
for sign in key:
    sys.stdout.write(sign)
    sys.stdout.flush()
    time.sleep(0.001)
print()
print("\\x1emodelyard " + json.dumps({"event": "note", "text": key}), flush=True)
"""
FAIL = TALKER + "\nraise SystemExit(f'cannot log in with {key} and {other}')\n"
CALLED = """
import os
def make(out=None):
    print(os.environ["API_KEY"])
    raise ValueError("refused: " + os.environ["API_KEY"])
"""
SPEC = """
steps:
  talk:
    run: python talk.py
    env: {API_KEY: "${secret.API_KEY}", OTHER: "Bearer ${secret.OTHER}"}
  fail:
    run: python fail.py
    env: {API_KEY: "${secret.API_KEY}", OTHER: "Bearer ${secret.OTHER}"}
    retries: {times: 1, backoff: 0s}
  raise:
    call: called:make
    env: {API_KEY: "${secret.API_KEY}"}
    outputs: {out: {type: files}}
secrets:
  OTHER: {file: FILE}
"""


def fill(text: str) -> str:
    return text.replace("LENGTH", str(len(VALUE))).replace("LONG", str(len(IN_FILE) + len("Bearer ")))


@pytest.fixture
def project(write: Callable[..., Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("API_KEY", VALUE)
    (tmp_path / "other.txt").write_text(IN_FILE + "\n")
    spec = SPEC.replace("FILE", str(tmp_path / "other.txt"))
    return write(spec, talk__py=fill(TALKER), fail__py=fill(FAIL), called__py=CALLED)


def files_with(root: Path, words: list[str]) -> list[str]:
    """Files below a folder that have one of the words, in any encoding that we know of."""
    needles = [word.encode(encoding) for word in words for encoding in ("utf-8", "utf-16-le")]
    return [
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    ]


def test_a_file_with_it_would_be_found(project: Project) -> None:
    """The search itself."""
    for number, form in enumerate(FORMS):
        (project.root / f"leak-{number}").write_text(f"x{form}y")
    assert len(files_with(project.root, FORMS)) == len(FORMS)


def test_it_is_nowhere_after_an_apply_that_prints_it(project: Project) -> None:
    project.run("validate")
    project.run("plan", "-o", "plan.json")
    done = project.apply("--keep-going", code=1)
    shown = [done.stdout, done.stderr]
    for command in ("logs steps.talk", "logs steps.fail", "logs steps.raise", "show steps.talk", "explain steps.talk",
                    "runs --format json", "status --format json", "graph --format json", "plan --format json",
                    "audit verify", "audit --format json"):  # fmt: skip
        looked = project.run(*command.split(), code=None)
        shown += [looked.stdout, looked.stderr]
    for text in shown:
        assert not any(form in text for form in [*FORMS, IN_FILE])
    assert "***" in "".join(shown)
    assert "cannot log in with ***" in done.stderr
    assert files_with(project.root, [*FORMS, IN_FILE]) == []
    with sqlite3.connect(project.root / ".modelyard" / "state.db") as state:
        assert not any(VALUE in line or IN_FILE in line for line in state.iterdump())


def test_another_value_is_no_change(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.apply("--select", "steps.talk")
    monkeypatch.setenv("API_KEY", "x" * len(VALUE))
    assert "steps.talk" not in project.actions()


def test_a_missing_secret_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_KEY")
    said = project.apply("--select", "steps.talk", code=1).stderr
    assert "secret `API_KEY` is not set" in said
    assert "Traceback" not in said


SERVED = """
sources: {points: {type: table, path: points.csv, split: {train: 70%, test: 30%}}}
training:
  line:
    data: sources.points
    columns: [x, y]
    target: above
    engine: sklearn
    model: LogisticRegression
    evaluate: {data: sources.points:test, metrics: [accuracy]}
registry: {line: {from: training.line, gate: [metrics.accuracy >= 0.5]}}
serving: {api: {model: registry.line, port: PORT, auth: {tokens: "${secret.API_TOKENS}"}}}
"""


def test_it_is_nowhere_after_training_and_serving(
    write: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's database and artifacts, the server's log, and what the supervisor keeps."""
    import urllib.error
    import urllib.request

    monkeypatch.setenv("API_TOKENS", "tok-9d81e2b7c4")
    rows = [f"{x}.5,{y}.0,{int(x > y)}\n" for x in range(20) for y in range(20)]
    port = free_port()
    project = write(SERVED.replace("PORT", str(port)), points__csv="x,y,above\n" + "".join(rows))
    done = project.apply()
    url = f"http://127.0.0.1:{port}/v2/models/line"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(url, timeout=5)
    asked = urllib.request.Request(url, headers={"Authorization": "Bearer tok-9d81e2b7c4"})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        assert answer.status == 200
    assert (project.root / ".modelyard" / "mlflow.db").exists()
    assert files_with(project.root, ["tok-9d81e2b7c4"]) == []
    assert "tok-9d81e2b7c4" not in done.stdout + done.stderr
