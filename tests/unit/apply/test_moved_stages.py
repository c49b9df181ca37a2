"""A stage that somebody else moved is drift: seen by plan, put back by apply."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from apply_fakes import Yard, graph, node

from modelyard.apply import plan_project
from modelyard.graph.model import Graph
from modelyard.plan import Action

REF = "registry/digits/production"


def project(rule: object = "auto") -> Graph:
    return graph(
        node("training.detector", "train"),
        node("registry.digits", "register", {"model": "training.detector:out"}, outputs=("version",),
             config={"name": "digits", "promote": {"production": rule}, "metrics": {"version": 7}}),
        node("steps.after", inputs={"version": "registry.digits:version"}),
    )  # fmt: skip


def move_alias(root: Path, version: int) -> None:
    with closing(sqlite3.connect(root / ".modelyard" / "mlflow.db")) as mlflow, mlflow:
        mlflow.execute("CREATE TABLE IF NOT EXISTS registered_model_aliases (alias, version, name)")
        mlflow.execute("DELETE FROM registered_model_aliases")
        mlflow.execute("INSERT INTO registered_model_aliases VALUES ('production', ?, 'digits')", [version])


@pytest.fixture
def applied(yard: Yard) -> Yard:
    """Applied once; the registration sets the reference and the alias, as the real one does."""

    def register(task, cancel):
        yard.store.put_ref(REF, {"version": 7, "model": task.inputs["model"].digest})
        move_alias(yard.root, 7)

    yard.executor.behaviours["registry.digits"] = register
    yard.apply(project())
    assert yard.plan(project()).empty
    return yard


def told(yard: Yard) -> list[str]:
    (change,) = yard.plan(project()).pending
    assert (change.address, change.action, change.detail) == ("registry.digits", Action.RERUN, "put back")
    assert {reason.kind for reason in change.reasons} == {"drift"}
    return [reason.text for reason in change.reasons]


def mended(yard: Yard) -> bool:
    assert yard.apply(project()).ok
    return yard.ran == ["registry.digits"] and yard.plan(project()).empty


def test_a_reference_that_servers_follow_is_put_back(applied: Yard):
    applied.store.put_ref(REF, {"version": 8, "model": "b3:other"})
    assert told(applied) == ["production moved by itself, v7 → v8"]
    assert mended(applied)
    assert applied.store.get_ref(REF)["version"] == 7


def test_a_reference_that_is_gone_is_put_back(applied: Yard):
    applied.store.remove_ref(REF)
    assert told(applied) == ["production moved by itself, v7 → no version"]
    assert mended(applied)


def test_an_alias_that_a_users_own_client_moved_is_put_back(applied: Yard):
    move_alias(applied.root, 3)
    assert told(applied) == ["production moved by itself in MLflow, v7 → v3"]
    assert mended(applied)


def test_the_same_model_under_another_number_is_no_drift(applied: Yard):
    model = applied.store.get_ref(REF)["model"]
    applied.store.put_ref(REF, {"version": 1, "model": model})
    assert applied.plan(project()).empty


def test_a_stage_that_people_decide_on_is_theirs(applied: Yard):
    applied.apply(project({"approvals": 1}))
    applied.store.put_ref(REF, {"version": 8, "model": "b3:other"})
    assert applied.plan(project({"approvals": 1})).empty


def test_a_reference_that_cannot_be_read_stops_no_plan(applied: Yard):
    (applied.store.path / "refs" / f"{REF}.json").write_text("{")
    assert applied.plan(project()).empty


def test_offline_it_is_not_looked_at(applied: Yard):
    applied.store.put_ref(REF, {"version": 8, "model": "b3:other"})
    assert plan_project(project(), applied.state, applied.store, None, applied.root).empty
