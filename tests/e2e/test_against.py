"""`plan --against GITREF`: exactly what an edit changes, with no state and no data at hand."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from e2e_project import Project

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SPEC = """
sources:
  d: {type: files, path: 's3://nobody-has-this-bucket/data'}
steps:
  a: {call: 'first:make', params: {n: 1}, outputs: {o: {type: files}}}
  b: {run: 'python second.py', inputs: {i: 'steps.a:o'}, params: {m: 2}, outputs: {o: {type: files}}}
  c: {run: 'python third.py', inputs: {i: sources.d}, outputs: {o: {type: files}}}
environments:
  dev: {}
  prod: {steps: {a: {params: {n: 5}}}}
"""
FILES = {
    "first__py": "import shared\n\ndef make(n):\n    return shared.double(n)\n",
    "shared__py": "def double(n):\n    return 2 * n\n",
    "second__py": "print(1)\n",
    "third__py": "print(3)\n",
    "unrelated__py": "print(4)\n",
}


def git(project: Project, *arguments: str) -> None:
    who = ["-c", "user.name=n", "-c", "user.email=n@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=project.root, check=True, capture_output=True)


@pytest.fixture
def project(write: Callable[..., Project]) -> Project:
    project = write(SPEC, **FILES)
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "first")
    return project


def against(project: Project, *arguments: str, ref: str = "HEAD") -> dict[str, Any]:
    plan = json.loads(project.run("plan", "--against", ref, *arguments, "--format", "json").stdout)
    return {change["address"]: change for change in plan["changes"] if change["action"] != "no-op"}


def certain(changes: dict[str, Any]) -> dict[str, str]:
    return {address: change["action"] for address, change in changes.items() if change["certain"]}


def test_nothing_changed(project: Project) -> None:
    assert against(project) == {}
    project.run("plan", "--against", "HEAD", "--detailed-exitcode")
    assert not (project.root / ".modelyard" / "state.db").exists()


def test_a_parameter(project: Project) -> None:
    project.edit("params: {n: 1}", "params: {n: 2}")
    changes = against(project)
    assert certain(changes) == {"steps.a": "rerun"}
    assert set(changes) <= {"steps.a", "steps.b"}
    (reason,) = changes["steps.a"]["reasons"]
    assert (reason["what"], reason["before"], reason["after"]) == ("params.n", "1", "2")
    project.run("plan", "--against", "HEAD", "--detailed-exitcode", code=2)


@pytest.mark.parametrize(
    ("file", "address"), [("second.py", "steps.b"), ("third.py", "steps.c"), ("shared.py", "steps.a")]
)
def test_code_and_what_it_imports(project: Project, file: str, address: str) -> None:
    (project.root / file).write_text((project.root / file).read_text() + "x = 1\n")
    changes = against(project)
    assert certain(changes) == {address: "rerun"}
    assert file in json.dumps(changes[address]["reasons"])


def test_what_nobody_runs(project: Project) -> None:
    (project.root / "unrelated.py").write_text("print(5)\n")
    project.edit("sources:", "# a comment\nsources:")
    assert against(project) == {}


def test_a_new_step_and_one_taken_away(project: Project) -> None:
    project.edit("  c: {run: 'python third.py', inputs", "  new: {run: 'python third.py', inputs")
    assert certain(against(project)) == {"steps.new": "create", "steps.c": "delete"}


def test_a_moved_source(project: Project) -> None:
    project.edit("nobody-has-this-bucket/data", "nobody-has-this-bucket/other")
    changes = against(project)
    assert certain(changes) == {"sources.d": "rerun"}
    assert set(changes) <= {"sources.d", "steps.c"}


def test_an_environment_is_compared_with_itself(project: Project) -> None:
    project.edit("params: {n: 1}", "params: {n: 2}")
    assert against(project, "-e", "prod") == {}
    assert certain(against(project, "-e", "dev")) == {"steps.a": "rerun"}


def test_an_older_commit(project: Project) -> None:
    project.edit("params: {n: 1}", "params: {n: 2}")
    git(project, "commit", "--quiet", "-a", "-m", "second")
    assert against(project) == {}
    assert certain(against(project, ref="HEAD~1")) == {"steps.a": "rerun"}


def test_markdown_for_a_pull_request(project: Project) -> None:
    project.edit("params: {n: 1}", "params: {n: 2}")
    text = project.run("plan", "--against", "HEAD", "--format", "markdown").stdout
    assert "steps.a" in text
    assert "params.n" in text
    assert text.endswith("The same plan: `modelyard plan --against HEAD`\n")


@pytest.mark.parametrize("ref", ["nowhere", "--help", "HEAD~100", "", "HEAD:mlops.yaml"])
def test_no_such_commit(project: Project, ref: str) -> None:
    done = project.run("plan", f"--against={ref}", code=1)
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_without_a_repository(write: Callable[..., Project]) -> None:
    project = write(SPEC, **FILES)
    said = project.run("plan", "--against", "HEAD", code=1).stderr
    assert "git" in said
    assert "Traceback" not in said


def test_a_broken_spec_then_is_said_as_such(project: Project) -> None:
    text = (project.root / "mlops.yaml").read_text()
    (project.root / "mlops.yaml").write_text(text.replace("steps:\n  a: {call", "stepz:\n  a: {call"))
    git(project, "commit", "--quiet", "-a", "-m", "broken")
    (project.root / "mlops.yaml").write_text(text)
    said = project.run("plan", "--against", "HEAD", code=1).stderr
    assert "HEAD:mlops.yaml:6:1  stepz  unknown key" in said
