"""scikit-learn's estimators by name, without importing all of the library to find one."""

from importlib import import_module
from typing import Any

from sklearn.base import BaseEstimator, is_classifier, is_regressor

from modelyard.errors import ModelyardError
from modelyard.nearest import nearest

_MODULES = (
    "ensemble", "linear_model", "tree", "neighbors", "neural_network", "naive_bayes", "discriminant_analysis", "svm",
    "gaussian_process", "dummy", "kernel_ridge", "isotonic", "cross_decomposition",
)  # fmt: skip
_TREES = ("Forest", "Tree", "Boosting", "AdaBoost", "Bagging")


def find_estimator(name: str) -> type[BaseEstimator]:
    """The classifier or regressor of that name. Raises ModelyardError with what it may have meant."""
    seen: list[str] = []
    for module in _MODULES:
        place = import_module(f"sklearn.{module}")
        if _predicts(getattr(place, name, None)):
            found: type[BaseEstimator] = getattr(place, name)
            return found
        seen += [one for one in dir(place) if one[0].isupper() and _predicts(getattr(place, one))]
    close = nearest(name, seen)
    raise ModelyardError(
        f"scikit-learn has no classifier or regressor `{name}`"
        if name
        else "`model` is missing: a scikit-learn estimator",
        fix=f"Did you mean {', '.join(f'`{one}`' for one in close)}?"
        if close
        else "For example HistGradientBoostingClassifier",
        code="unknown-model",
    )


def is_tree(estimator: BaseEstimator) -> bool:
    """Whether it splits on thresholds: then categories may be numbered, and scale does not matter."""
    return any(word in type(estimator).__name__ for word in _TREES)


def takes_missing(estimator: BaseEstimator) -> bool:
    return type(estimator).__name__.startswith("HistGradientBoosting")


def _predicts(thing: Any) -> bool:
    if not (isinstance(thing, type) and issubclass(thing, BaseEstimator)):
        return False
    try:
        one = thing()
    except TypeError:
        return False
    return bool(is_classifier(one) or is_regressor(one))
