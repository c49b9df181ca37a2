"""Specs that are wrong, broken or hostile: one clear error with its place, soon, and in little memory."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from e2e_project import PATH

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

HEAD = "version: 1\nproject: p\n"
CPU_SECONDS, MEMORY = 2.0, 500 << 20
LOOP = "steps:\n  a: {run: echo, inputs: {i: 'steps.b:o'}, outputs: {o: {type: files}}}\n"
LOOP += "  b: {run: echo, inputs: {i: 'steps.a:o'}, outputs: {o: {type: files}}}\n"
LAUGHS = "x-a: &a [l,l,l,l,l,l,l,l,l]\n"
LAUGHS += "".join(f"x-{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True))

# what it is: what stands below `version` and `project`, the place, words of the error
CASES: dict[str, tuple[str | bytes, str, str]] = {
    "a tab": ("steps:\n\ta: {run: echo}\n", "4:1", "a tab in the indentation"),
    "a duplicate key": ("steps:\n  a: {run: echo}\n  a: {run: ls}\n", "5:3", "already given on line 4"),
    "a duplicate deep down": ("steps:\n  a:\n    run: echo\n    timeout: 1s\n    timeout: 2s\n", "7:5", "duplicate"),
    "a section, a number": ("steps: 7\n", "3:8", "must be a map"),
    "a section that is a list": ("steps:\n  - run: echo\n", "3:1", "must be a map, not a list"),
    "a list for a duration": ("steps:\n  a: {run: echo, timeout: [soon]}\n", "4:27", "not a duration"),
    "not a number": ("steps:\n  a: {run: echo, timeout: .nan}\n", "4:27", "not a finite number"),
    "a number of 5,000 digits": (f"steps:\n  a: {{run: echo, retries: {'9' * 5000}}}\n", "4:27", "300 digits"),
    "a null step": ("steps:\n  a:\n", "4:3", "must be a map, not nothing"),
    "an unknown key": ("steps:\n  a: {rnu: echo}\n", "4:7", "did you mean `run`?"),
    "an unknown section": ("stepz:\n  a: {run: echo}\n", "3:1", "did you mean `steps`?"),
    "an unknown environment's target": ("environments: {dev: {target: mars}}\n", "3:22", "unknown key"),
    "a cycle": (LOOP, "5:30", "waits for itself: steps.a → steps.b → steps.a"),
    "a missing data file": ("sources:\n  d: {type: table, path: nowhere.csv}\n", "4:26", "there is no `nowhere.csv`"),
    "a missing script": ("steps:\n  a: {run: python nowhere.py}\n", "4:12", "there is no file `nowhere.py`"),
    "a missing module": ("steps:\n  a: {call: 'nowhere:f'}\n", "4:13", "there is no module `nowhere`"),
    "a missing base": ("extends: nowhere.yaml\n", "3:10", "there is no `nowhere.yaml`"),
    "a base that is itself": ("extends: mlops.yaml\n", "3:10", "round in a circle"),
    "a base outside": ("extends: ../../../../../../etc/passwd\n", "3:10", "is outside of the project"),
    "a source outside": ("sources:\n  d: {type: files, path: ../../../etc/passwd}\n", "4:26", "outside of the project"),
    "a source at the root": ("sources:\n  d: {type: files, path: /etc/passwd}\n", "4:26", "outside of the project"),
    "a name that is a path": ("steps:\n  ../../x: {run: echo}\n", "4:3", "cannot be a name"),
    "a path for an output": ("steps:\n  a: {run: echo, outputs: {../x: {type: files}}}\n", "4:28", "cannot be a name"),
    "a key that is a list": ("steps:\n  [a]: {run: echo}\n", "4:3", "a key must be text"),
    "a million aliases": (f"x-a: &a [1]\nx-b: [{'*a, ' * 1_000_000}]\n", "4:200007", "more than 100,000 values"),
    "a billion laughs": (LAUGHS, "8:10", "more than 100,000 values"),
    "an alias inside of itself": ("x-a: &a [*a]\n", "3:10", "inside of what it names"),
    "10 MB of open lists": (f"x-a: {'[' * 9_900_000}", "3:105", "levels"),
    "10 MB of nested lists": (f"x-a: {'[' * 4_900_000}{']' * 4_900_000}\n", "3:105", "levels"),
    "10 MB of nested maps": (f"x-a: {'{a: ' * 2_400_000}", "3:402", "levels"),
    "10 MB of dashes": (f"x-a:\n  {'- ' * 4_900_000}\n", "4:201", "levels"),
    "more than 10 MB": (f"# {'-' * 10_500_000}\n", "1:1", "larger than 10 MB"),
    "900,000 unknown keys": ("".join(f"k{i}: 1\n" for i in range(900_000)), "", "more than 150,000 values"),
    "2,000 mistakes": ("steps:\n" + "".join(f"  s{i}: {{rnu: ls}}\n" for i in range(2000)), "4:8", "did you mean"),
    "a NUL byte": (b"steps:\n  a: {run: 'ec\0ho'}\n", "4:15", "a NUL byte"),
    "a NUL escape": ('steps:\n  a: {run: "ec\\0ho"}\n', "4:12", "a NUL character"),
    "a lone surrogate": ('steps:\n  a: {run: "echo \\ud800"}\n', "4:20", "invalid Unicode"),
    "a python object": ("x-a: !!python/object/apply:os.system ['touch owned']\n", "3:6", "is not allowed"),
    "a python name": ("x-a: !!python/name:os.system\n", "3:6", "the tag `!!python/name:os.system` is not allowed"),
    "Latin-1": ("steps:\n  a: {run: echo café}\n".encode("latin-1"), "4:20", "byte 0xe9 is not UTF-8"),
    "two documents": ("---\nversion: 1\n", "3:1", "more than one document"),
    "a reference without quotes": ("steps:\n  a: {run: echo ${var.a}}\n", "4:17", "needs quotes"),
    "an unknown reference": ("steps:\n  a: {run: 'echo ${foo.bar}'}\n", "4:18", "unknown reference `${foo.bar}`"),
    "a secret for all to see": ("steps:\n  a: {run: 'echo ${secret.X}'}\n", "4:18", "a secret cannot stand here"),
    "a variable without a value": (
        "variables: {a: {type: string}}\nsteps:\n  a: {run: 'echo ${var.a}'}\n", "5:18", "variable `a` has no value",
    ),
    "variables in a circle": ("variables: {a: '${var.b}', b: '${var.a}'}\n", "3:13", "a default cannot refer"),
    "a policy that ends early": ("policies: {p: {deny: 'plan.gpu_hours >'}}\n", "3:38", "not a CEL condition"),
    "a policy of 20,000 brackets": (f"policies: {{p: {{deny: '{'(' * 20_000}1'}}}}\n", "3:", "nested too deeply"),
}  # fmt: skip

WHOLE: dict[str, tuple[bytes, str, str]] = {
    "0 bytes": (b"", "1:1", "the file is empty"),
    "only a comment": (b"# to be written\n", "1:1", "the file is empty"),
    "a list": (b"- version: 1\n- project: p\n", "1:1", "a map of sections, not a list"),
    "a word": (b"hello\n", "1:1", "a map of sections, not a single value"),
    "another version": (b"version: 2\nproject: p\n", "1:10", "must be `1`"),
    "no version": (b"project: p\n", "1:1", "`version` is missing"),
    "a project that is a path": (b"version: 1\nproject: ../../etc\n", "2:10", "a name has lower case letters"),
    "UTF-16": (HEAD.encode("utf-16"), "1:1", "the file is UTF-16"),
    "noise": (bytes(range(256)) * 4000, "3:115", "byte 0x80 is not UTF-8"),
}


@dataclass(frozen=True)
class Told:
    code: int
    out: str
    err: str
    cpu: float
    memory: int


_LIMITED = """
import json, os, resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
code = subprocess.call([sys.executable, "-m", "modelyard", *sys.argv[1:]])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with os.fdopen(3, "w") as said:
    json.dump([code, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024], said)
"""


def limited(root: Path, *arguments: str) -> Told:
    """The command line with no more address space than it may use, and what it took."""
    reader, writer = os.pipe()
    environment = {**os.environ, "PYTHONPATH": PATH, "NO_COLOR": "1", "MODELYARD_TRACEBACK": "1"}
    starter = "import os, sys; os.dup2(int(sys.argv.pop(1)), 3); exec(sys.argv.pop(1))"
    argv = [sys.executable, "-c", starter, str(writer), _LIMITED.format(memory=MEMORY), *arguments]
    done = subprocess.run(
        argv, cwd=root, env=environment, pass_fds=[writer], capture_output=True, text=True, check=True
    )  # fmt: skip
    os.close(writer)
    with os.fdopen(reader) as said:
        code, cpu, memory = json.load(said)
    return Told(code, done.stdout, done.stderr, cpu, memory)


def check(root: Path, place: str, words: str) -> None:
    for command in (("validate",), ("apply", "--auto-approve")):
        told = limited(root, *command)
        for _ in range(3):  # others work on this machine, too, and slow a processor down: once more
            if told.cpu > CPU_SECONDS:
                told = limited(root, *command)
        assert told.code == 1, told.err
        assert f"mlops.yaml:{place}" in told.err
        assert words in told.err
        assert "Traceback" not in told.err
        assert "a defect" not in told.err
        assert told.cpu < CPU_SECONDS
        assert told.memory < MEMORY
    assert sorted(path.name for path in root.iterdir()) == ["mlops.yaml"]


@pytest.mark.parametrize("name", CASES)
def test_a_bad_spec_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    text, place, words = CASES[name]
    body = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "mlops.yaml").write_bytes(HEAD.encode() + body)
    check(tmp_path, place, words)


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_is_no_spec_is_told(tmp_path: Path, name: str) -> None:
    data, place, words = WHOLE[name]
    (tmp_path / "mlops.yaml").write_bytes(data)
    check(tmp_path, place, words)


def test_a_spec_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = limited(tmp_path, "plan")
    assert told.code == 1
    assert "mlops.yaml" in told.err
    assert "modelyard init" in told.err


@pytest.mark.parametrize("kind", ["a folder", "a dangling link", "a device"])
def test_a_spec_that_is_no_file_is_told(tmp_path: Path, kind: str) -> None:
    spec = tmp_path / "mlops.yaml"
    if kind == "a folder":
        spec.mkdir()
    else:
        spec.symlink_to("/dev/zero" if kind == "a device" else "nowhere")
    told = limited(tmp_path, "validate", "-f", "mlops.yaml")
    assert told.code == 1
    assert "Traceback" not in told.err
    assert "a defect" not in told.err
    assert "mlops.yaml" in told.err


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    steps = "steps:\n  a: {rnu: echo}\n  b: {run: echo, timeout: soon}\nstepz: {}\n"
    (tmp_path / "mlops.yaml").write_text(HEAD + steps)
    told = limited(tmp_path, "validate", "--format", "json")
    assert {error["line"] for error in json.loads(told.out)["errors"]} >= {4, 5, 6}


def test_limits_are_limits(tmp_path: Path) -> None:
    """The harness itself: what takes more than it may does not get it."""
    code = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY})); bytearray({MEMORY})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MemoryError" in done.stderr
