"""Metrics of classifiers and regressors."""

import numpy as np
import pytest

from modelyard.evaluation.regression import regression_metrics
from modelyard.evaluation.rows import class_indices, class_names


def classification_metrics(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    from modelyard.evaluation import classification  # scikit-learn takes seconds: not where tests are collected

    return classification.classification_metrics(truth, probabilities)


def test_two_classes_by_scikit_learns_definitions():
    from sklearn import metrics as sk

    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 200)
    positive = np.clip(truth * 0.3 + random.uniform(0, 0.7, 200), 0, 1)
    found = classification_metrics(truth, np.stack([1 - positive, positive], 1))

    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(truth, positive))
    assert found["log_loss"] == pytest.approx(sk.log_loss(truth, positive))
    assert found["brier"] == pytest.approx(sk.brier_score_loss(truth, positive))
    assert found["precision"] == pytest.approx(sk.precision_score(truth, positive > 0.5))


def test_a_slice_with_one_class_has_no_roc_auc_but_the_rest():
    found = classification_metrics(np.array([1, 1]), np.array([[0.2, 0.8], [0.6, 0.4]]))
    assert "roc_auc" not in found
    assert found["accuracy"] == 0.5


def test_a_class_that_the_model_does_not_know_counts_as_wrong():
    found = classification_metrics(np.array([0, -1]), np.array([[0.9, 0.1, 0.0], [0.9, 0.1, 0.0]]))
    assert found["accuracy"] == 0.5
    assert found["log_loss"] == pytest.approx(-np.log(0.9))


def test_several_classes_give_finite_numbers_only():
    random = np.random.default_rng(0)
    scores = random.dirichlet(np.ones(4), 50)
    found = classification_metrics(random.integers(0, 3, 50), scores)
    assert set(found) >= {"accuracy", "f1", "log_loss", "brier", "roc_auc"}
    assert all(np.isfinite(value) for value in found.values())


def test_regression():
    found = regression_metrics(np.array([0.0, 2, 4]), np.array([0.0, 3, 4]))
    assert found == pytest.approx({"mae": 1 / 3, "rmse": (1 / 3) ** 0.5, "r2": 1 - 1 / 8, "mape": 0.25})


def test_a_target_that_never_varies_has_no_r2():
    assert "r2" not in regression_metrics(np.ones(3), np.zeros(3))


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (np.array([10, 9, 1]), ["1", "9", "10"]),
        (np.array([True, False]), ["false", "true"]),
        (np.array([1.0, np.nan, 0.0]), ["0", "1"]),
        (np.array(["b", None, "a"], dtype=object), ["a", "b"]),
    ],
)
def test_classes_stand_in_their_natural_order(values, names):
    assert class_names(values) == names
    assert set(class_indices(values, names)) <= {-1, *range(len(names))}
