"""Plots of an evaluation, as png. Drawn without pyplot: no state, no display, any thread."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from modelyard.evaluation.detection import Ranking, Truth, average_precisions
from modelyard.evaluation.images import Labelled
from modelyard.inference.detect import Detections, overlaps

SAMPLES = 12
_TILE = 240
_MOST_CLASSES = 30  # more make a picture that nobody can read
_COLOURS = (
    "#4c9aff",
    "#ff7452",
    "#57d9a3",
    "#ffc400",
    "#8777d9",
    "#00c7e6",
    "#ff8f73",
    "#79f2c0",
    "#c0b6f2",
    "#ffe380",
)


def classifier(truth: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], out: Path) -> None:
    """Confusion matrix, and for two classes the ROC, precision-recall and calibration curves."""
    known = truth >= 0
    if len(classes) <= _MOST_CLASSES:
        matrix: np.ndarray = np.zeros((len(classes), len(classes)), int)
        np.add.at(matrix, (truth[known], probabilities[known].argmax(axis=1)), 1)
        _matrix(matrix, classes, classes, out / "confusion.png")
    if len(classes) == 2 and len(set(truth[known])) == 2:
        _curves(truth[known], probabilities[known, 1], out)


def residuals(truth: np.ndarray, predicted: np.ndarray, path: Path) -> None:
    figure, axes = _figure("Predicted against true", "true", "predicted")
    shown = np.linspace(0, len(truth) - 1, min(len(truth), 2000)).astype(int)
    axes.scatter(truth[shown], predicted[shown], s=4, alpha=0.5)
    ends = [float(truth.min()), float(truth.max())]
    axes.plot(ends, ends, color="grey", linewidth=1)
    _save(figure, path)


def precision_recall_of_detector(ranking: Ranking, classes: Sequence[str], path: Path) -> None:
    present, curves = average_precisions(ranking)
    figure, axes = _figure("Precision and recall at IoU 0.5", "recall", "precision")
    recalls = np.linspace(0, 1, curves.shape[2])
    for one, curve in list(zip(present, curves[:, 0], strict=True))[:_MOST_CLASSES]:
        axes.plot(recalls, curve, linewidth=1, label=f"{_name(classes, one)} {curve.mean():.2f}")
    if len(curves):
        axes.plot(
            recalls, curves[:, 0].mean(axis=0), color="black", linewidth=2, label=f"mean {curves[:, 0].mean():.3f}"
        )
        axes.legend(fontsize=7)
    axes.set_ylim(0, 1.05)
    _save(figure, path)


def detector_confusion(
    found: Sequence[Detections], truths: Sequence[Truth], classes: Sequence[str], threshold: float, path: Path
) -> None:
    """Which class was taken for which, at the threshold of use and IoU 0.5; the last row and column are «nothing»."""
    if len(classes) > _MOST_CLASSES:
        return
    nothing = len(classes)
    matrix: np.ndarray = np.zeros((nothing + 1, nothing + 1), int)
    for one, truth in zip(found, truths, strict=True):
        sure = one.scores >= threshold
        shared = overlaps(truth.boxes, one.boxes[sure])
        free: np.ndarray = np.ones(int(sure.sum()), bool)
        for row, expected in enumerate(truth.classes):
            open_boxes = np.where(free, shared[row], 0) if len(free) else np.zeros(1)
            best = int(open_boxes.argmax())
            hit = open_boxes[best] >= 0.5
            matrix[expected, one.classes[sure][best] if hit else nothing] += 1
            if hit:
                free[best] = False
        np.add.at(matrix, (nothing, one.classes[sure][free]), 1)
    names = [*classes, "nothing"]
    _matrix(matrix, names, names, path)


def sample_pictures(
    samples: Sequence[tuple[Labelled, Detections]], classes: Sequence[str], threshold: float, path: Path
) -> None:
    """The first pictures with the boxes that were found, in one sheet."""
    columns = min(4, len(samples))
    rows = -(-len(samples) // columns)
    sheet = Image.new("RGB", (columns * _TILE, rows * _TILE), "white")
    for place, (labelled, found) in enumerate(samples):
        tile = draw_boxes(labelled.image, found, classes, threshold)
        tile.thumbnail((_TILE, _TILE))
        sheet.paste(tile, ((place % columns) * _TILE, (place // columns) * _TILE))
    sheet.save(path)


def draw_boxes(image: Image.Image, found: Detections, classes: Sequence[str], threshold: float) -> Image.Image:
    """A copy of the picture, enlarged where small, with each box, its class and its score."""
    zoom = max(1, round(2 * _TILE / max(image.size)))
    drawn = image.resize((image.width * zoom, image.height * zoom))
    pen = ImageDraw.Draw(drawn)
    for box, one, sure in zip(found.boxes * zoom, found.classes, found.scores, strict=True):
        if sure < threshold:
            continue
        colour = _COLOURS[int(one) % len(_COLOURS)]
        pen.rectangle([float(value) for value in box], outline=colour, width=2)
        pen.text((float(box[0]) + 3, float(box[1]) + 1), f"{_name(classes, one)} {sure:.2f}", fill=colour)
    return drawn


def training_curves(epochs: Mapping[int, Mapping[str, float]], path: Path) -> None:
    """Every value over the epochs, a small plot each."""
    names = list(dict.fromkeys(name for values in epochs.values() for name in values))[:12]
    columns = min(4, len(names))
    figure = Figure(figsize=(3.2 * columns, 2.6 * -(-len(names) // columns)), dpi=100, layout="tight")
    FigureCanvasAgg(figure)
    for place, name in enumerate(names):
        axes = figure.add_subplot(-(-len(names) // columns), columns, place + 1)
        shown = [(epoch, values[name]) for epoch, values in epochs.items() if name in values]
        axes.plot(*zip(*shown, strict=True), linewidth=1.5)
        axes.set_title(name, fontsize=9)
    _save(figure, path)


def _curves(truth: np.ndarray, probability: np.ndarray, out: Path) -> None:
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import precision_recall_curve, roc_curve

    wrong, right, _ = roc_curve(truth, probability)
    words = ("ROC curve", "false positive rate", "true positive rate")
    _line(wrong, right, words, out / "roc.png", diagonal=True)
    precision, recall, _ = precision_recall_curve(truth, probability)
    _line(recall, precision, ("Precision and recall", "recall", "precision"), out / "precision_recall.png")
    share, mean = calibration_curve(truth, probability, n_bins=10, strategy="quantile")
    words = ("Calibration", "predicted probability", "share that was true")
    _line(mean, share, words, out / "calibration.png", diagonal=True)


def _line(x: np.ndarray, y: np.ndarray, labels: tuple[str, str, str], path: Path, *, diagonal: bool = False) -> None:
    figure, axes = _figure(*labels)
    axes.plot(x, y, linewidth=1.5)
    if diagonal:
        axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    axes.set_ylim(0, 1.05)
    _save(figure, path)


def _matrix(matrix: np.ndarray, rows: Sequence[str], columns: Sequence[str], path: Path) -> None:
    figure, axes = _figure("Confusion", "predicted", "true")
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(columns)), columns, rotation=90 if len(columns) > 6 else 0)
    axes.set_yticks(range(len(rows)), rows)
    figure.set_layout_engine("tight")  # names of classes may be long
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            colour = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=colour)
    _save(figure, path)


def _figure(title: str, x_label: str, y_label: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(5, 4.5), dpi=100)
    FigureCanvasAgg(figure)
    figure.subplots_adjust(left=0.14, bottom=0.14, right=0.97, top=0.92)  # a tight layout draws everything twice
    axes = figure.subplots()
    axes.set_title(title)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    # Without matplotlib's version in the file, equal plots are equal bytes.
    figure.savefig(path, metadata={"Software": None})


def _name(classes: Sequence[str], index: int) -> str:
    return str(classes[index]) if 0 <= index < len(classes) else str(index)
