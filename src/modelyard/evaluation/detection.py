"""Metrics of a detector by COCO's definition: average precision over IoU 0.50 to 0.95, at 101 recalls, in numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelyard.inference.detect import Detections, overlaps

IOUS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Truth:
    """One picture's boxes (n, 4) as `x1 y1 x2 y2` in its pixels, and their class indices (n,)."""

    boxes: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True)
class Ranking:
    """All detections of a data set from the surest down: scores (n,), classes (n,), right (n, IoUs).

    `expected` (m,) are the classes of the true boxes.
    """

    scores: np.ndarray
    classes: np.ndarray
    right: np.ndarray
    expected: np.ndarray


def rank(found: Sequence[Detections], truths: Sequence[Truth]) -> Ranking:
    """Match every picture's detections with its true boxes, and put all of them in order."""
    right = np.concatenate([match(one, truth) for one, truth in zip(found, truths, strict=True)])
    scores = np.concatenate([one.scores for one in found])
    order = np.argsort(-scores, kind="stable")
    classes = np.concatenate([one.classes for one in found])
    return Ranking(scores[order], classes[order], right[order], np.concatenate([truth.classes for truth in truths]))


def match(found: Detections, truth: Truth) -> np.ndarray:
    """Which detections are right, at each IoU: bool (n, IoUs).

    From the surest down, a detection takes the box of its class that it overlaps most and that none took before.
    """
    right: np.ndarray = np.zeros((len(found), len(IOUS)), bool)
    if not len(found) or not len(truth.classes):
        return right
    shared = np.where(found.classes[:, None] == truth.classes[None], overlaps(found.boxes, truth.boxes), 0)
    free: np.ndarray = np.ones((len(IOUS), len(truth.classes)), bool)
    levels = np.arange(len(IOUS))
    for row in np.argsort(-found.scores, kind="stable"):
        open_boxes = np.where(free, shared[row], 0)
        best = open_boxes.argmax(axis=1)
        right[row] = open_boxes[levels, best] >= IOUS
        free[levels[right[row]], best[right[row]]] = False
    return right


def average_precisions(ranking: Ranking) -> tuple[np.ndarray, np.ndarray]:
    """Classes that occur (c,), and the precision of each at each IoU and recall (c, IoUs, 101)."""
    classes, counts = np.unique(ranking.expected, return_counts=True)
    curves: np.ndarray = np.zeros((len(classes), len(IOUS), len(RECALLS)))
    for row, (one, count) in enumerate(zip(classes, counts, strict=True)):
        right = ranking.right[ranking.classes == one]
        if len(right):
            curves[row] = [_precision_at_recalls(column, count) for column in right.T]
    return classes, curves


def detection_metrics(ranking: Ranking) -> dict[str, float]:
    """`mAP50`, `mAP50_95`, and over all classes `precision` and `recall` at the confidence with the best F1."""
    _, curves = average_precisions(ranking)
    if not len(curves):
        return {"mAP50": 0.0, "mAP50_95": 0.0, "precision": 0.0, "recall": 0.0}
    precision, recall, at = operating_point(ranking)
    sure = len(precision) > 0
    return {
        "mAP50": float(curves[:, 0].mean()),
        "mAP50_95": float(curves.mean()),
        "precision": float(precision[at]) if sure else 0.0,
        "recall": float(recall[at]) if sure else 0.0,
    }


def operating_point(ranking: Ranking) -> tuple[np.ndarray, np.ndarray, int]:
    """Precision and recall (IoU 0.5) if all detections down to each were kept, and where their F1 is best."""
    hits = ranking.right[:, 0].cumsum()
    precision = hits / np.arange(1, len(hits) + 1)
    recall = hits / max(len(ranking.expected), 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return precision, recall, int(f1.argmax()) if len(f1) else 0


def _precision_at_recalls(right: np.ndarray, count: int) -> np.ndarray:
    """At each of the 101 recalls, the best precision that is had at that recall or a higher one."""
    hits = right.cumsum()
    recall, precision = hits / count, hits / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, RECALLS, side="left")
    reached = places < len(recall)
    values: np.ndarray = np.where(reached, best[np.minimum(places, len(recall) - 1)], 0.0)
    return values
