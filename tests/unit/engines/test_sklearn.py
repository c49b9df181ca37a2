"""The scikit-learn engine: estimators by name, columns of all kinds, ONNX that says the same."""

import pytest

from modelyard.engines import engine_names, load_engine
from modelyard.engines.base import TrainJob
from modelyard.engines.verify import check_same
from modelyard.errors import ModelyardError
from modelyard.inference.session import Model


def train(workshop, model, target="late", rows=150, **params):
    from modelyard.steps.train import write_signature  # seconds of imports: not where tests are collected

    data = workshop.table(f"{model}-{rows}", rows=rows, drop=("delay",) if target == "late" else ("late",))
    out = workshop.root / "models" / model
    out.mkdir(parents=True)
    config = {"engine": "sklearn", "model": model, "target": {"name": target, "sql": target}}
    job = TrainJob(config, params, data, None, 7, out, workshop.root, workshop.root, lambda *_: None, lambda _: None)
    write_signature(job, load_engine("sklearn").train(job))
    return Model.load(out)


@pytest.mark.parametrize(
    ("model", "params"),
    [
        ("HistGradientBoostingClassifier", {"max_iter": 5}),
        ("GradientBoostingClassifier", {"n_estimators": 10, "learning_rate": 0.5}),
        ("RandomForestClassifier", {"n_estimators": 5}),
        ("LogisticRegression", {"class_weight": {"true": 2, "false": 1}}),
        ("KNeighborsClassifier", {}),
        ("HistGradientBoostingRegressor", {"max_iter": 5}),
        ("GradientBoostingRegressor", {"n_estimators": 5}),
        ("RandomForestRegressor", {"n_estimators": 5}),
        ("Ridge", {}),
    ],
)
def test_an_estimator_takes_numbers_categories_and_gaps_and_is_exported(workshop, model, params):
    target = "late" if "Classifier" in model or model == "LogisticRegression" else "delay"
    served = train(workshop, model, target, **params)
    answers = served.predict({"air temp": [None, 20.0], "distance": [150, 2950], "carrier": [None, "AA"]})

    assert list(answers.labels) == ["false", "true"] if target == "late" else answers.labels[1] > answers.labels[0] + 4


def test_the_onnx_file_itself_answers_in_words(workshop):
    import numpy as np

    served = train(workshop, "LogisticRegression")
    feeds = {
        "air_temp": np.float32([[1]]),
        "distance": np.float32([[2900]]),
        "carrier": np.array([["AA"]], dtype=object),
    }
    assert served.run(feeds)["label"].tolist() == ["true"]


@pytest.mark.parametrize(
    ("model", "what", "fix"),
    [
        ("RandomForrestClassifier", "no classifier or regressor", "RandomForestClassifier"),
        ("RidgeClassifier", "gives no probabilities", "LogisticRegression"),
        ("StandardScaler", "no classifier or regressor", ""),
    ],
)
def test_what_cannot_be_trained_or_served_is_told(workshop, model, what, fix):
    with pytest.raises(ModelyardError, match=what) as caught:
        train(workshop, model)
    assert fix in (caught.value.fix or "")


def test_a_model_whose_export_differs_is_never_kept():
    with pytest.raises(ModelyardError, match="differs from the trained one in 100% of the rows"):
        check_same([[0.1, 0.9]], [[0.3, 0.7]])
    check_same([1.0, 2000.0], [1.0, 2000.5])


def test_an_engine_that_is_not_there_is_told_with_the_nearest():
    with pytest.raises(ModelyardError, match="no engine `sklean`") as caught:
        load_engine("sklean")
    assert caught.value.fix == "Did you mean `sklearn`?"
    assert {"command", "sklearn", "torch", "ultralytics"} <= set(engine_names())
