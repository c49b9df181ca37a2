"""A plan in a file: applied as it was read, or refused."""

from collections.abc import Callable

import pytest
from e2e_project import Project

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SPEC = """
variables: {word: hello}
steps:
  a: {run: 'python step.py ${outputs.o} ${var.word}', outputs: {o: {type: files}}}
sources:
  d: {type: files, path: data}
environments: {dev: {}, other: {}}
"""
STEP = "import sys, pathlib\npathlib.Path(sys.argv[1], 'x').write_text(sys.argv[2])\n"


@pytest.fixture
def project(write: Callable[..., Project]) -> Project:
    project = write(SPEC, step__py=STEP)
    (project.root / "data").mkdir()
    (project.root / "data" / "one.txt").write_text("1")
    project.run("plan", "-o", "p.json")
    return project


def test_it_is_applied_as_it_was_read(project: Project) -> None:
    project.run("apply", "p.json")
    assert project.actions() == {}


def test_planning_made_nothing_else(project: Project) -> None:
    """But for a cache of digests."""
    made = {path.name for path in project.root.iterdir()}
    assert made - {".modelyard"} == {"data", "mlops.yaml", "p.json", "step.py"}
    assert {path.name for path in (project.root / ".modelyard").glob("*")} <= {"cache"}


def test_a_comment_spoils_nothing(project: Project) -> None:
    project.edit("steps:", "# a comment\nsteps:")
    project.run("apply", "p.json")


CHANGES: dict[str, Callable[[Project], object]] = {
    "spec": lambda project: project.edit("word: hello", "word: bye"),
    "code": lambda project: (project.root / "step.py").write_text(STEP + "print('more')\n"),
    "data": lambda project: (project.root / "data" / "two.txt").write_text("2"),
    "removed": lambda project: project.edit("sources:\n  d: {type: files, path: data}\n", ""),
}


@pytest.mark.parametrize("what", CHANGES)
def test_it_is_refused_where_that_moved(project: Project, what: str) -> None:
    CHANGES[what](project)
    said = project.run("apply", "p.json", code=1).stderr
    assert "stale" in said
    assert "changed since it was made" in said
    assert project.json("status")["nodes"] == [] or "create" in project.actions().values()


def test_it_is_refused_where_the_state_moved(project: Project) -> None:
    project.apply("--select", "steps.a")
    said = project.run("apply", "p.json", code=1).stderr
    assert "the plan is stale: something was applied since" in said
    assert project.actions() == {"sources.d": "create"}


def test_it_is_not_applied_twice(project: Project) -> None:
    project.run("apply", "p.json")
    assert "stale" in project.run("apply", "p.json", code=1).stderr


def test_it_is_refused_in_another_environment(project: Project) -> None:
    said = project.run("apply", "-e", "other", "p.json", code=1).stderr
    assert "environment dev" in said


def test_it_is_refused_where_the_state_is_another_one(project: Project) -> None:
    project.apply()
    project.edit("word: hello", "word: bye")
    project.run("plan", "-o", "q.json")
    for path in (project.root / ".modelyard").glob("state.db*"):
        path.unlink()
    said = project.run("apply", "q.json", code=1).stderr
    assert "stale" in said


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "hello", '{"format": "modelyard-plan-1"}', "[" * 100_000])
def test_what_is_no_plan_is_refused(project: Project, text: str) -> None:
    (project.root / "p.json").write_text(text)
    said = project.run("apply", "p.json", code=1).stderr
    assert "is not a plan" in said or "was changed after it was written" in said
    assert "Traceback" not in said


def test_a_plan_that_somebody_edited_is_refused(project: Project) -> None:
    path = project.root / "p.json"
    path.write_text(path.read_text().replace('"create"', '"delete"', 1))
    assert "was changed after it was written" in project.run("apply", "p.json", code=1).stderr


def test_a_plan_file_that_is_not_there(project: Project) -> None:
    said = project.run("apply", "nowhere.json", code=1).stderr
    assert "nowhere.json" in said
    assert "Traceback" not in said
