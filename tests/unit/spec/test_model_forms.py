"""Short forms become long ones, long ones stay, and the user's own keys are kept apart."""

# ruff: noqa: E501 - a case a line reads as a table

from typing import Any

import pytest
from pydantic import ValidationError

from modelyard.spec.model import Spec
from modelyard.spec.model.base import Section


def typed(**sections: Any) -> Spec:
    return Spec.model_validate({"version": 1, "project": "p", **sections})


def source(**keys: Any) -> Any:
    return typed(sources={"a": {"type": "table", "path": "a.csv", **keys}}).sources["a"].plain()


def test_targets_take_a_name_or_a_table() -> None:
    assert typed().target.plain() == {"local": {}}
    assert typed(target="local").target.plain() == {"local": {}}
    assert typed(target={"kubernetes": {"namespace": "ml"}}).target.name == "kubernetes"


def test_shares_of_a_split_are_gathered() -> None:
    split = source(split={"train": "70%", "val": "30%", "by": "time"})["split"]
    assert split == {"fractions": {"train": 0.7, "val": 0.3}, "by": "time", "seed": 0}


def test_expectations_are_named_with_their_arguments() -> None:
    expect = ["expect_images_to_be_readable", {"expect_column_to_exist": {"column": "a"}}, {"expect_a": None}]
    checks = typed(expectations={"a": {"data": "sources.a", "expect": expect}}).expectations["a"].plain()["expect"]
    assert checks == [
        {"name": "expect_images_to_be_readable", "kwargs": {}},
        {"name": "expect_column_to_exist", "kwargs": {"column": "a"}},
        {"name": "expect_a", "kwargs": {}},
    ]


def test_feature_columns_are_sql_or_windows() -> None:
    view = {"source": "sources.w", "entity": "origin", "columns": {"t": "temp", "r": {"sum": "precip", "over": "6h"}}}
    plain = typed(features={"w": view}).features["w"].plain()
    assert plain["columns"] == {"t": {"sql": "temp"}, "r": {"agg": "sum", "column": "precip", "over": 21600.0}}
    assert plain["entity"] == ["origin"]


@pytest.mark.parametrize(
    ("written", "target"),
    [("late", {"name": "late", "sql": "late"}), ({"late": "delay > 15"}, {"name": "late", "sql": "delay > 15"})],
)
def test_a_training_target_has_a_name_and_an_expression(written: Any, target: Any) -> None:
    training = typed(training={"t": {"data": "sources.a", "engine": "sklearn", "target": written}}).training["t"]
    assert training.plain()["target"] == target


def test_studies_have_objectives_and_ranges() -> None:
    space = {"a": {"from": 1, "to": 9}, "b": {"from": 0.1, "to": 1, "log": True}, "c": [0, "x"]}
    study = typed(tuning={"s": {"training": "training.t", "minimize": "rmse", "space": space}}).tuning["s"].plain()
    assert study["objectives"] == {"rmse": "minimize"}
    assert study["space"]["a"] == {"from": 1, "to": 9, "log": False, "int": True}
    assert study["space"]["b"] == {"from": 0.1, "to": 1, "log": True, "int": False}
    assert study["space"]["c"]["choices"] == [0, "x"]
    assert "minimize" not in study


def test_defaults_of_a_registered_model_and_a_server() -> None:
    spec = typed(registry={"m": {"from": "training.t"}}, serving={"api": {"model": "registry.m"}})
    assert spec.registry["m"].plain() == {
        "from": "training.t", "gate": [], "promote": {"production": "auto"}, "keep": {"versions": 20},
    }  # fmt: skip
    assert spec.serving["api"].plain()["replicas"] == {"min": 1, "max": 1}


@pytest.mark.parametrize(
    ("written", "ui"), [(True, {"port": 5000}), (5001, {"port": 5001}), (False, None), ({}, {"port": 5000})]
)
def test_the_tracking_ui_is_a_switch_or_a_port(written: Any, ui: Any) -> None:
    assert typed(tracking={"ui": written}).tracking.plain().get("ui") == ui


def test_one_value_stands_for_a_table() -> None:
    spec = typed(
        steps={"s": {"run": "true", "retries": 3, "outputs": ["a"]}}, notifications={"ops": {"url": "json://x"}},
        serving={"api": {"model": "registry.m", "batch": 8, "replicas": 2}}, store="data/store", variables={"n": 3, "l": [1]},
        monitoring={"m": {"data": "serving.api", "reference": "sources.a", "window": "5_000 predictions", "checks": ["X"]}},
    )  # fmt: skip
    assert spec.steps["s"].plain()["retries"] == {"times": 3, "backoff": 1.0}
    assert spec.steps["s"].plain()["outputs"] == {"a": {"type": "files"}}
    assert spec.notifications["ops"].url == ("json://x",)
    assert spec.serving["api"].plain()["batch"] == {"max": 8, "wait": 0.002}
    assert spec.serving["api"].plain()["replicas"] == {"min": 2, "max": 2}
    assert spec.store.path == "data/store"
    assert (spec.variables["n"].type, spec.variables["l"].type) == ("int", "list")
    assert spec.monitoring["m"].window == 5000


def test_own_keys_are_kept_and_no_part_of_what_a_node_is() -> None:
    step = {"run": "true", "x-owner": "ana", "params": {"x-ray": 1}, "outputs": {"a": {"type": "table", "x-n": 1}}}
    spec = typed(steps={"s": step}, **{"x-team": {"a": 1}})
    assert spec.model_dump()["x-team"] == {"a": 1}
    assert spec.steps["s"].model_dump()["x-owner"] == "ana"
    plain = spec.steps["s"].plain()
    assert "x-owner" not in plain
    assert plain["outputs"] == {"a": {"type": "table"}}
    assert plain["params"] == {"x-ray": 1}


def test_unknown_keys_are_refused_at_their_place() -> None:
    with pytest.raises(ValidationError) as caught:
        typed(steps={"s": {"run": "true", "rn": 1}}, strps={})
    assert {(error["type"], error["loc"]) for error in caught.value.errors()} == {
        ("extra_forbidden", ("steps", "s", "rn")), ("extra_forbidden", ("strps",)),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["A", "a b", "-a", "a.b", "", "x-a", "ä", "a/b"])
def test_names_are_plain(name: str) -> None:
    with pytest.raises(ValidationError):
        typed(steps={name: {"run": "true"}})


@pytest.mark.parametrize("name", ["a", "0", "x", "xa", "x_a", "a-b_c", "2013"])
def test_names_that_are_fine(name: str) -> None:
    assert name in typed(steps={name: {"run": "true"}}).steps


def test_a_spec_is_frozen() -> None:
    with pytest.raises(ValidationError):
        typed().project = "other"  # type: ignore[misc]


def _models(model: type[Section] = Section) -> list[type[Section]]:
    return [one for below in model.__subclasses__() for one in [below, *_models(below)]]


@pytest.mark.parametrize("model", _models(), ids=lambda model: model.__name__)
def test_every_key_is_explained_with_an_example(model: type[Section]) -> None:
    bare = [name for name, field in model.model_fields.items() if not (field.description and field.examples)]
    assert bare == []
    assert model.__doc__


def test_what_is_dumped_loads_again_as_the_same() -> None:
    spec = typed(
        steps={"s": {"run": "python a.py 'b c'", "outputs": {"a": "table"}, "timeout": "15m", "resources": {"cpu": "500m", "memory": "1Gi"}}},
        sources={"a": {"type": "table", "path": "steps.s:a", "split": {"train": "70%", "test": "30%"}}},
        features={"w": {"source": "sources.a", "entity": "o", "columns": {"t": "temp", "r": {"sum": "p", "over": "6h"}}}},
        training={"t": {"data": "sources.a", "engine": "sklearn", "model": "Ridge", "target": {"y": "a > 1"}, "evaluate": "sources.a:test"}},
        tuning={"u": {"training": "training.t", "maximize": "r2", "space": {"alpha": {"from": 0.1, "to": 3}, "b": [1, 2]}}},
        registry={"m": {"from": "tuning.u", "gate": "metrics.r2 > 0.1", "keep": 3}},
        serving={"api": {"model": "registry.m", "batch": 4, "rollout": {"steps": ["5%"], "every": "10m"}}},
        monitoring={"d": {"data": "serving.api", "reference": "sources.a:train", "every": "1h", "checks": ["DataDriftPreset"]}},
        tracking={"ui": True}, target={"local": None},
    )  # fmt: skip
    assert Spec.model_validate(spec.model_dump(mode="json", by_alias=True)) == spec
    assert Spec.model_validate(spec.plain()) == spec
