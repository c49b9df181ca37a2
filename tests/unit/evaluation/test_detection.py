"""Average precision, by cases that a person can count and against another implementation's numbers."""

import numpy as np
import pytest

from modelyard.evaluation.detection import Truth, detection_metrics, match, rank
from modelyard.inference.detect import Detections


def found(*rows):
    """Detections from rows of x1, y1, x2, y2, score, class."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(int))


def truth(*rows):
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Truth(table[:, :4], table[:, 4].astype(int))


def metrics(pairs):
    return detection_metrics(rank([one for one, _ in pairs], [two for _, two in pairs]))


def test_every_box_found_exactly_is_perfect():
    pair = (found((0, 0, 10, 10, 0.9, 0), (20, 20, 30, 30, 0.8, 1)), truth((0, 0, 10, 10, 0), (20, 20, 30, 30, 1)))
    assert metrics([pair]) == {"mAP50": 1, "mAP50_95": 1, "precision": 1, "recall": 1}


def test_a_box_half_found_counts_at_low_overlaps_only():
    pair = (found((0, 0, 10, 6, 0.9, 0)), truth((0, 0, 10, 10, 0)))  # overlap 0.6: right at 0.50, 0.55 and 0.60
    assert metrics([pair])["mAP50"] == 1
    assert metrics([pair])["mAP50_95"] == pytest.approx(0.3)


def test_a_box_found_twice_is_right_once():
    right = match(found((0, 0, 10, 10, 0.9, 0), (0, 0, 10, 10, 0.8, 0)), truth((0, 0, 10, 10, 0)))
    assert right[:, 0].tolist() == [True, False]


def test_the_wrong_class_is_wrong():
    assert metrics([(found((0, 0, 10, 10, 0.9, 1)), truth((0, 0, 10, 10, 0)))])["mAP50"] == 0


def test_pictures_without_boxes_and_without_detections_are_fine():
    pairs = [(found(), truth()), (found(), truth((0, 0, 1, 1, 0))), (found((0, 0, 1, 1, 0.5, 0)), truth())]
    assert metrics(pairs)["mAP50"] == 0
    assert metrics([(found(), truth())])["recall"] == 0


def test_a_false_alarm_below_all_hits_costs_nothing_one_above_does():
    box = truth((0, 0, 10, 10, 0))
    assert metrics([(found((0, 0, 10, 10, 0.9, 0), (50, 50, 60, 60, 0.1, 0)), box)])["mAP50"] == 1
    assert metrics([(found((0, 0, 10, 10, 0.1, 0), (50, 50, 60, 60, 0.9, 0)), box)])["mAP50"] == pytest.approx(0.5)


def test_the_numbers_are_near_those_of_ultralytics(monkeypatch, tmp_path):
    monkeypatch.setenv("YOLO_OFFLINE", "true")
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path))
    module = pytest.importorskip("ultralytics.utils.metrics")
    random = np.random.default_rng(1)
    detections, truths = [], []
    for _ in range(60):
        boxes = random.uniform(0, 80, (5, 2))
        boxes = np.concatenate([boxes, boxes + random.uniform(10, 20, (5, 2))], 1)
        classes = random.integers(0, 3, 5)
        seen = random.random(5) < 0.8
        moved = boxes[seen] + random.normal(0, 1.2, (int(seen.sum()), 4))
        noise = random.uniform(0, 80, (3, 2))
        noise = np.concatenate([noise, noise + 15], 1)
        scores = np.concatenate([random.uniform(0.3, 1, len(moved)), random.uniform(0, 0.6, 3)])
        named = np.concatenate([classes[seen], random.integers(0, 3, 3)])
        detections.append(Detections(np.concatenate([moved, noise]).astype(np.float32), scores, named))
        truths.append(Truth(boxes.astype(np.float32), classes))
    ours = rank(detections, truths)
    theirs = module.ap_per_class(ours.right, ours.scores, ours.classes, ours.expected)[5]

    assert detection_metrics(ours)["mAP50"] == pytest.approx(theirs[:, 0].mean(), abs=0.01)
    assert detection_metrics(ours)["mAP50_95"] == pytest.approx(theirs.mean(), abs=0.01)
