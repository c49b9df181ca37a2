"""From a YOLO head's raw output to boxes: decoding and non-maximum suppression in numpy.

The output is (4 + classes, anchors): centre x, centre y, width and height in pixels of the model's square, then one
score a class, as ultralytics exports it without its own NMS.
"""

from dataclasses import dataclass

import numpy as np

_CANDIDATES = 3000  # the best by score that suppression looks at; bounds the time of a noisy picture


@dataclass(frozen=True, slots=True)
class Detections:
    """Boxes (n, 4) as `x1 y1 x2 y2`, scores (n,) from high to low, class indices (n,)."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)


def decode(
    output: np.ndarray, *, threshold: float = 0.25, iou: float = 0.7, limit: int = 300, multi_label: bool = False
) -> Detections:
    """Boxes of one picture, in pixels of the model's square.

    `multi_label` lets one anchor speak for several classes, as mean average precision is measured.
    """
    scores = output[4:].T
    if multi_label:
        anchors, classes = np.nonzero(scores > threshold)
        confidence = scores[anchors, classes]
    else:
        best = scores.argmax(axis=1)
        confidence = scores[np.arange(len(scores)), best]
        anchors = np.nonzero(confidence > threshold)[0]
        classes, confidence = best[anchors], confidence[anchors]
    order = np.argsort(-confidence, kind="stable")[:_CANDIDATES]
    anchors, classes, confidence = anchors[order], classes[order], confidence[order]
    centre, size = output[:2, anchors].T, output[2:4, anchors].T
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1).astype(np.float32)
    kept = suppress(boxes, confidence, classes, iou)[:limit]
    return Detections(boxes[kept], confidence[kept].astype(np.float32), classes[kept].astype(np.int64))


def suppress(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, iou: float) -> np.ndarray:
    """Indices of the boxes that survive, best first: of overlapping ones of a class, the better."""
    remaining = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while remaining.size:
        first, rest = remaining[0], remaining[1:]
        kept.append(int(first))
        same = classes[rest] == classes[first]
        overlap: np.ndarray = np.zeros(len(rest), np.float32)
        overlap[same] = overlaps(boxes[first][None], boxes[rest[same]])[0]
        remaining = rest[overlap <= iou]
    indices: np.ndarray = np.array(kept, dtype=np.intp)
    return indices


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of each of (n, 4) with each of (m, 4): (n, m)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    union = _area(first)[:, None] + _area(second)[None] - shared
    ratio: np.ndarray = shared / np.maximum(union, 1e-9)
    return ratio


def _area(boxes: np.ndarray) -> np.ndarray:
    area: np.ndarray = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return area
