"""Score a model folder on a data folder, through its ONNX file, as it will be served."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.errors import ModelyardError
from modelyard.evaluation import plots
from modelyard.evaluation.detection import Truth, detection_metrics, rank
from modelyard.evaluation.images import Labelled, labelled_images
from modelyard.evaluation.rows import Rows, class_indices, read_rows
from modelyard.evaluation.scores import Scores
from modelyard.inference.detect import Detections
from modelyard.inference.session import Model

METRICS = {
    "detect": ("mAP50", "mAP50_95", "precision", "recall"),
    "classify": ("accuracy", "f1", "precision", "recall", "log_loss", "brier", "roc_auc", "average_precision"),
    "regress": ("mae", "rmse", "r2", "mape"),
}
_BATCH = 32
_ROWS = 65_536  # rows a call: bounds memory on a table of millions
_LOWEST = 0.001  # average precision is measured down to here
_MOST_SLICES = 100


def score(model: Path, data: Path, config: Mapping[str, Any], out: Path | None) -> Scores:
    """Metrics of the model's task, slices by `config["slices"]`, plots as png in `out`, if any.

    Raises ModelyardError for a metric in `config["metrics"]` that the task does not have, or data of another shape.
    """
    loaded = Model.load(model)
    _check_names(config.get("metrics") or (), loaded.task)
    if loaded.task == "detect":
        return _score_detector(loaded, data, out)
    if "columns" not in loaded.signature:
        raise ModelyardError("a model that takes pictures and is no detector cannot be evaluated: not supported yet")
    return _score_table(loaded, read_rows(data, config), config, out)


def _score_detector(model: Model, data: Path, out: Path | None) -> Scores:
    found: list[Detections] = []
    truths: list[Truth] = []
    samples: list[tuple[Labelled, Detections]] = []
    for batch in _batches(labelled_images(data), _BATCH):
        images = [one.image for one in batch]
        answers = model.detect(images, threshold=_LOWEST, multi_label=True)
        found += answers
        truths += [one.truth for one in batch]
        samples += list(zip(batch, answers, strict=True))[: max(0, plots.SAMPLES - len(samples))]
    if not truths:
        raise ModelyardError("there are no pictures to evaluate on", code="bad-data")
    ranking = rank(found, truths)
    if out is not None:
        threshold = float(model.signature.get("threshold", 0.25))
        plots.precision_recall_of_detector(ranking, model.classes, out / "precision_recall.png")
        plots.detector_confusion(found, truths, model.classes, threshold, out / "confusion.png")
        plots.sample_pictures(samples, model.classes, threshold, out / "samples.png")
    return Scores(detection_metrics(ranking), rows=len(truths))


def _score_table(model: Model, rows: Rows, config: Mapping[str, Any], out: Path | None) -> Scores:
    predicted = predict_rows(model, rows)
    truth: np.ndarray
    if model.task == "regress":
        truth = rows.column(rows.target).astype(np.float64)
        if out is not None:
            plots.residuals(truth, predicted, out / "residuals.png")
    else:
        truth = class_indices(rows.column(rows.target), model.classes)
        if out is not None:
            plots.classifier(truth, predicted, model.classes, out)
    measure = _measure(model.task)
    slices = {name: _slice(rows.column(name), truth, predicted, measure) for name in config.get("slices") or ()}
    return Scores(measure(truth, predicted), slices, len(rows))


def predict_rows(model: Model, rows: Rows) -> np.ndarray:
    """Probabilities (n, classes), or numbers (n,) for regression."""
    columns = rows.features(model.signature["columns"])
    parts = []
    for start in range(0, len(rows), _ROWS):
        answer = model.predict({name: values[start : start + _ROWS] for name, values in columns.items()})
        parts.append(answer.labels if answer.probabilities is None else answer.probabilities)
    predicted: np.ndarray = np.concatenate(parts)
    return predicted


def _measure(task: str) -> Callable[[np.ndarray, np.ndarray], dict[str, float]]:
    if task == "regress":
        from modelyard.evaluation.regression import regression_metrics

        return regression_metrics
    from modelyard.evaluation.classification import classification_metrics

    return classification_metrics


def _slice(
    values: np.ndarray, truth: np.ndarray, predicted: np.ndarray, measure: Callable[..., dict[str, float]]
) -> dict[str, dict[str, float]]:
    """Metrics of each value's rows, the most frequent values first, with their number as `rows`."""
    names = np.array(["" if value is None else str(value) for value in values], dtype=object)
    distinct, counts = np.unique(names, return_counts=True)
    chosen = distinct[np.argsort(-counts, kind="stable")][:_MOST_SLICES]
    found = {}
    for value in chosen:
        mask = names == value
        found[str(value)] = {**measure(truth[mask], predicted[mask]), "rows": float(mask.sum())}
    return found


def _check_names(names: Sequence[str], task: str) -> None:
    unknown = [name for name in names if name not in METRICS[task]]
    if unknown:
        raise ModelyardError(
            f"`{unknown[0]}` is not a metric of a model that {task}s",
            fix=f"It has: {', '.join(METRICS[task])}",
            code="unknown-metric",
        )


def _batches(items: Iterator[Labelled], size: int) -> Iterator[list[Labelled]]:
    batch: list[Labelled] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
