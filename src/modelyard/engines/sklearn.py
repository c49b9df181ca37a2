"""scikit-learn: any estimator by its name, its columns prepared, exported with all of that as one ONNX graph."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, is_classifier
from sklearn.pipeline import Pipeline

from modelyard.engines.base import Trained, TrainJob
from modelyard.engines.columns import Prepared, frame_of, prepare_columns, preprocessor
from modelyard.engines.estimators import find_estimator, is_tree, takes_missing
from modelyard.engines.skops_file import write_skops
from modelyard.engines.tabular_onnx import export_pipeline, outputs_of
from modelyard.engines.verify import check_same
from modelyard.errors import ModelyardError
from modelyard.evaluation.rows import Rows, class_indices, class_names, read_rows
from modelyard.evaluation.score import score
from modelyard.evaluation.scores import Scores
from modelyard.inference.session import Model, open_session
from modelyard.wording import counted


class Sklearn:
    def train(self, job: TrainJob) -> Trained:
        """Fit the estimator; leave `model.onnx` (raw columns in, labels out) and `model.skops` in `job.out`."""
        rows = read_rows(job.train, job.config)
        prepared = prepare_columns(rows)
        estimator = self._estimator(job)
        classes = class_names(rows.column(rows.target)) if is_classifier(estimator) else []
        target = _target(rows.column(rows.target), classes, rows.target)
        job.report(0, 1, {})
        size = f"{counted(len(rows), 'row')}, {counted(len(prepared.specs), 'column')}"
        job.note(f"{type(estimator).__name__} on {size}, on the CPU")
        columns = preprocessor(prepared, trees=is_tree(estimator), impute=not takes_missing(estimator))
        pipeline = Pipeline([("columns", columns), ("estimator", estimator)])
        frame = frame_of(rows, prepared)
        _fit(pipeline, frame, target, _class_weights(job.params, classes))
        signature = {
            "task": "classify" if classes else "regress",
            "engine": "sklearn",
            "model": type(estimator).__name__,
            "inputs": prepared.inputs,
            "outputs": outputs_of(len(classes)),
            "classes": classes,
            "columns": prepared.specs,
            "target": rows.target,
        }
        export_pipeline(pipeline, prepared, classes, job.out / "model.onnx")
        self._verify(job, signature, pipeline, rows, prepared)
        digest = write_skops(pipeline, job.out / "model.skops")
        job.report(1, 1, {})
        recorded = {"device": "cpu", "packages": {"scikit-learn": sklearn.__version__}}
        return Trained({**signature, "weights": {"file": "model.skops", "digest": digest}}, recorded=recorded)

    def evaluate(self, model: Path, data: Path, config: Mapping[str, Any], out: Path | None) -> Scores:
        return score(model, data, config, out)

    def _estimator(self, job: TrainJob) -> BaseEstimator:
        chosen = find_estimator(str(job.config.get("model", "")))
        known = chosen().get_params() if _has_no_required(chosen) else {}
        unknown = [name for name in job.params if known and name not in known]
        if unknown:
            raise ModelyardError(
                f"`{unknown[0]}` is not a parameter of {chosen.__name__}",
                fix=f"It has: {', '.join(sorted(known))}",
                code="unknown-parameter",
            )
        params = {name: value for name, value in job.params.items() if not _is_weights(name, value)}
        if "random_state" in known and "random_state" not in params:
            params["random_state"] = job.seed
        estimator = chosen(**params)
        if is_classifier(estimator) and not hasattr(estimator, "predict_proba"):
            raise ModelyardError(
                f"{chosen.__name__} gives no probabilities, which evaluation and serving need",
                fix="Choose LogisticRegression, HistGradientBoostingClassifier or another that has `predict_proba`",
                code="unsupported-model",
            )
        return estimator

    def _verify(
        self, job: TrainJob, signature: Mapping[str, Any], pipeline: Pipeline, rows: Rows, prepared: Prepared
    ) -> None:
        some = rows.head(200)
        frame = frame_of(some, prepared)
        model = Model(signature, open_session(job.out / "model.onnx"))
        answers = model.predict(some.features(prepared.specs))
        if answers.probabilities is None:
            check_same(pipeline.predict(frame), answers.labels)
        elif hasattr(pipeline, "predict_proba"):
            check_same(pipeline.predict_proba(frame), answers.probabilities)


def _fit(pipeline: Pipeline, frame: Any, target: np.ndarray, weights: Mapping[int, float] | None) -> None:
    if weights is not None:
        pipeline.set_params(estimator__class_weight=dict(weights))
    try:
        pipeline.fit(frame, target)
    except (ValueError, TypeError) as error:
        raise ModelyardError(f"scikit-learn refuses: {error}", code="bad-parameter") from error


def _target(values: np.ndarray, classes: list[str], name: str) -> np.ndarray:
    if classes:
        if len(classes) < 2:
            raise ModelyardError(f"the target `{name}` has one class only: {classes[0]}", code="bad-target")
        return class_indices(values, classes)
    try:
        numbers: np.ndarray = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ModelyardError(
            f"the target `{name}` is no number, and a regressor needs one", fix="Choose a classifier", code="bad-target"
        ) from error
    return numbers


def _is_weights(name: str, value: Any) -> bool:
    return name == "class_weight" and isinstance(value, Mapping)


def _class_weights(params: Mapping[str, Any], classes: list[str]) -> dict[int, float] | None:
    """`class_weight: {late: 5}` by the classes' names, as the indices that the estimator is trained on."""
    given = params.get("class_weight")
    if not isinstance(given, Mapping):
        return None
    unknown = [str(name) for name in given if str(name) not in classes]
    if unknown:
        raise ModelyardError(
            f"class_weight names `{unknown[0]}`, which is no class", fix=f"Classes: {', '.join(classes)}"
        )
    return {classes.index(str(name)): float(weight) for name, weight in given.items()}


def _has_no_required(chosen: type) -> bool:
    try:
        chosen()
    except TypeError:
        return False
    return True
