"""Registering: gates, versions by content, stages, and a model that MLflow's own client loads."""

import json
from dataclasses import replace

import pytest

from modelyard.errors import ModelyardError
from modelyard.steps import register

pytestmark = pytest.mark.e2e

TRAIN = {"engine": "sklearn", "model": "LogisticRegression", "target": {"name": "late", "sql": "delay > 14"}}
RULES = {"name": "late", "promote": {"production": "auto"}, "keep": {"versions": 20}}


class Models:
    """Models of the workshop, and their registration with scores that the test chooses."""

    def __init__(self, workshop):
        self.workshop = workshop
        self.train = workshop.table(rows=200, drop=("delay",))

    def make(self, c=1.0):
        _, outputs = self.workshop.step(
            "training.late", "train", {**TRAIN, "params": {"C": c}}, {"train": self.train}, ("model", "plots")
        )
        return outputs["model"]

    def register(self, model, config=RULES, fingerprint=None, **metrics):
        folder = self.workshop.root / "scores"
        folder.mkdir(exist_ok=True)
        scores = {"metrics": metrics or {"roc_auc": 0.9}, "slices": {"carrier": {"AA": {"roc_auc": 0.7}}}, "rows": 9}
        (folder / "metrics.json").write_text(json.dumps(scores))
        inputs = {"model": model, "metrics": folder}
        context = self.workshop.context("registry.late", "register", config, inputs, ("version",))
        document = replace(context.document, fingerprint=fingerprint or context.document.fingerprint)
        result, outputs = register.run(replace(context, document=document)), context.outputs
        return result, json.loads((outputs["version"] / "version.json").read_text())

    def ref(self, name):
        return self.workshop.store.get_ref(f"registry/late/{name}")

    @property
    def client(self):
        return self.workshop.mlflow


@pytest.fixture
def models(workshop):
    return Models(workshop)


@pytest.fixture(scope="module")
def made(shared_workshop):
    """Models, and one that is trained already: for tests that only ask what a gate says of it."""
    models = Models(shared_workshop)
    return models, models.make()


def gated(*gates, **more):
    return {**RULES, "gate": list(gates), **more}


def test_a_version_that_passes_is_in_production_here_and_in_mlflow(models):
    model = models.make()
    result, record = models.register(model, gated("metrics.roc_auc >= 0.8"))

    assert result.summary == "v1 passed 1 gate → production"
    assert record["stages"] == ["production"]
    assert record["gates"] == [{"expr": "metrics.roc_auc >= 0.8", "passed": True, "values": {"metrics.roc_auc": 0.9}}]
    assert record["model"] == models.workshop.store.put_tree(model).digest
    assert record["reference"] == models.workshop.store.put_tree(models.train).digest
    assert models.ref("production") == models.ref("1") == record
    assert int(models.client.get_model_version_by_alias("late", "production").version) == 1


def test_mlflows_own_loader_gives_the_same_answers(models):
    import mlflow
    import pandas as pd

    models.register(models.make())
    mlflow.set_tracking_uri(f"sqlite:///{models.workshop.root}/.modelyard/mlflow.db")
    mlflow.set_registry_uri(f"sqlite:///{models.workshop.root}/.modelyard/mlflow.db")

    loaded = mlflow.pyfunc.load_model("models:/late@production")
    found = loaded.predict(pd.DataFrame({"air temp": [1.0, None], "distance": [100, 2900], "carrier": ["UA", "AA"]}))
    assert list(found["prediction"]) == ["false", "true"]
    assert found["probability_true"][1] > 0.9


def test_the_same_model_twice_is_the_same_version(models):
    model = models.make()
    _, first = models.register(model)
    _, second = models.register(model)

    assert first["version"] == second["version"] == 1
    assert len(models.client.search_model_versions("name = 'late'")) == 1


def test_a_better_model_takes_the_stage_and_the_record_of_the_old_one_says_so(models):
    models.register(models.make(1.0), roc_auc=0.9)
    gate = "!has(champion.roc_auc) || metrics.roc_auc >= champion.roc_auc - 0.005"
    result, record = models.register(models.make(0.1), gated(gate), roc_auc=0.92)

    assert result.summary == "v2 passed 1 gate → production (was v1)"
    assert record["gates"][0]["values"] == {"champion.roc_auc": 0.9, "metrics.roc_auc": 0.92}
    assert models.ref("production")["version"] == 2
    assert models.ref("1")["stages"] == []


def test_a_gate_that_fails_names_itself_and_the_value_and_promotes_nothing(models):
    models.register(models.make(1.0), roc_auc=0.9)
    with pytest.raises(ModelyardError) as caught:
        models.register(models.make(0.1), gated("metrics.roc_auc > 0.5", "metrics.roc_auc >= 0.95"), roc_auc=0.91)

    assert caught.value.code == "gate-failed"
    assert caught.value.address == "registry.late.gate[1]"
    assert "`metrics.roc_auc >= 0.95`: metrics.roc_auc is 0.91" in caught.value.what
    assert models.ref("production")["version"] == 1
    assert models.ref("2") | {} == {**models.ref("2"), "passed": False, "stages": []}
    assert models.client.get_model_version("late", "2").tags["modelyard.passed"] == "false"
    assert int(models.client.get_model_version_by_alias("late", "production").version) == 1


@pytest.mark.parametrize(
    ("gate", "passes"),
    [
        ("slices.carrier.AA.roc_auc > 0.6", True),
        ("slices.carrier.all(name, slices.carrier[name].roc_auc > 0.8)", False),
        ("size.mb < 10.0", True),
        ("size.bytes < 10", False),
        ("latency.p99_ms < 5000.0 && latency.p50_ms > 0.0", True),
    ],
)
def test_gates_see_slices_size_and_latency(made, gate, passes):
    models, model = made
    if passes:
        assert models.register(model, gated(gate))[1]["passed"]
    else:
        with pytest.raises(ModelyardError, match="does not pass the gate"):
            models.register(model, gated(gate))


def test_a_gate_that_cannot_be_told_says_what_is_there(models):
    with pytest.raises(ModelyardError, match="names 'roc_acu'") as caught:
        models.register(models.make(), gated("metrics.roc_acu > 0.5"))
    assert "metrics.roc_auc" in caught.value.fix
    assert models.workshop.store.list_refs("registry/late/") == []


def test_after_a_kill_between_mlflow_and_the_stage_the_next_try_ends_with_one_version(models, monkeypatch):
    model = models.make()
    put_ref, calls = models.workshop.store.put_ref, []

    def dying(name, value):
        calls.append(name)
        raise KeyboardInterrupt

    monkeypatch.setattr(models.workshop.store, "put_ref", dying)
    with pytest.raises(KeyboardInterrupt):
        models.register(model)
    monkeypatch.setattr(models.workshop.store, "put_ref", put_ref)
    _, record = models.register(model)

    assert calls == ["registry/late/1"]
    assert record["version"] == 1
    assert models.ref("production")["version"] == 1
    assert len(models.client.search_model_versions("name = 'late'")) == 1


def test_old_versions_go_but_never_one_in_a_stage(models):
    keep = {**RULES, "keep": {"versions": 1}}
    models.register(models.make(1.0), keep)
    with pytest.raises(ModelyardError):
        models.register(models.make(0.5), {**keep, "gate": ["metrics.roc_auc > 0.99"]})
    models.register(models.make(0.1), {**keep, "promote": {"staging": "auto"}})

    assert models.workshop.store.list_refs("registry/late/") == [
        "registry/late/1", "registry/late/3", "registry/late/production", "registry/late/staging",
    ]  # fmt: skip
    assert {int(one.version) for one in models.client.search_model_versions("name = 'late'")} == {1, 3}


def test_a_registration_that_is_done_again_takes_its_stage_back_and_is_not_held_against_itself(models):
    older, newer = models.make(1.0), models.make(0.1)
    models.register(older, roc_auc=0.9)
    better = gated("metrics.roc_auc > champion.roc_auc")
    _, record = models.register(newer, better, roc_auc=0.92)
    models.client.set_registered_model_alias("late", "production", "1")

    _, again = models.register(newer, better, fingerprint=record["fingerprint"], roc_auc=0.92)
    assert again == record
    assert models.ref("production") == record
    assert int(models.client.get_model_version_by_alias("late", "production").version) == 2
