from collections.abc import Callable
from pathlib import Path

import pytest
from serving_models import logged, make_classifier, make_detector, picture
from starlette.testclient import TestClient

Open = Callable[..., TestClient]


@pytest.fixture
def detector(tmp_path: Path, promote: Callable, open_server: Open) -> TestClient:
    promote(make_detector(tmp_path / "model"))
    return open_server()


@pytest.fixture
def classifier(tmp_path: Path, promote: Callable, open_server: Open) -> TestClient:
    promote(make_classifier(tmp_path / "model"))
    return open_server(hashed=("carrier",))


def test_a_picture_is_answered_with_boxes_in_its_own_pixels(detector):
    answer = detector.post("/predict", content=picture(size=(64, 64))).json()
    assert [(box["class"], box["score"]) for box in answer["boxes"]] == [("zero", 0.9), ("one", 0.8)]
    first = answer["boxes"][0]
    assert [first[side] for side in ("x1", "y1", "x2", "y2")] == [8, 8, 24, 24]
    assert (answer["model"], answer["version"], answer["image"]) == ("digits", "1", {"width": 64, "height": 64})
    assert answer["id"]
    assert answer["ms"] > 0


def test_letterboxing_is_undone_for_a_wide_picture(detector):
    boxes = detector.post("/predict", content=picture(size=(64, 32))).json()["boxes"]
    assert all(0 <= box["y1"] <= box["y2"] <= 32 and box["x2"] <= 64 for box in boxes)


def test_a_form_with_a_file_is_answered_the_same(detector):
    answer = detector.post("/predict", files={"image": ("a.png", picture(), "image/png")}).json()
    assert len(answer["boxes"]) == 2


def test_a_dark_picture_has_no_boxes_and_the_threshold_can_be_asked_for(detector):
    assert detector.post("/predict", content=picture("black")).json()["boxes"] == []
    assert len(detector.post("/predict?threshold=0.85", content=picture()).json()["boxes"]) == 1


@pytest.mark.parametrize(
    ("path", "body", "kind", "says"),
    [
        ("/predict", b"no picture", "image/png", "not a readable picture"),
        ("/predict", b"", "image/png", "no picture"),
        ("/predict", b'{"rows": [{"a": 1}]}', "application/json", "takes a picture"),
        ("/predict?threshold=7", b"x", "image/png", "threshold"),
        ("/predict", b"[" * 100_000, "application/json", "not JSON"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(detector, path, body, kind, says):
    reply = detector.post(path, content=body, headers={"content-type": kind})
    assert reply.status_code == 400
    assert says in reply.json()["error"]


def test_rows_are_answered_with_labels_and_probabilities(classifier):
    rows = [{"delay": 5, "carrier": "AA"}, {"delay": -5, "carrier": None, "unused": 1}]
    answer = classifier.post("/predict", json={"rows": rows}).json()
    assert answer["predictions"] == ["1", "0"]
    assert answer["probabilities"][0]["1"] == pytest.approx(0.993307, abs=1e-5)


def test_one_row_alone_is_fine_and_a_missing_number_is_null(classifier):
    answer = classifier.post("/predict", json={"delay": None, "carrier": "AA"}).json()
    assert answer["probabilities"] == [{"0": None, "1": None}]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"rows": []}, "rows"),
        ({"rows": [1]}, "rows"),
        ({"rows": [{"delay": "soon", "carrier": "AA"}]}, "delay takes numbers"),
        ({"rows": [{"carrier": "AA"}]}, "delay"),
        ({"rows": [{"delay": [1], "carrier": "AA"}]}, "list"),
    ],
)
def test_bad_rows_are_refused_in_words(classifier, body, says):
    reply = classifier.post("/predict", json=body)
    assert reply.status_code == 400
    assert says in reply.json()["error"]


def test_what_was_asked_and_answered_is_logged_with_hashed_columns(classifier, settings):
    sent = [{"delay": 5, "carrier": "AA"}, {"delay": -5, "carrier": "AA"}]
    asked = classifier.post("/predict", json={"rows": sent}).json()["id"]
    lines = logged(settings, 2)
    assert [line["id"] for line in lines] == [f"{asked}-0", f"{asked}-1"]
    assert [line["outputs"]["prediction"] for line in lines] == ["1", "0"]
    assert lines[0]["inputs"]["delay"] == 5
    assert lines[0]["inputs"]["carrier"] == lines[1]["inputs"]["carrier"] != "AA"


def test_the_log_keeps_a_pictures_statistics_not_the_picture(detector, settings):
    detector.post("/predict", content=picture())
    (line,) = logged(settings, 1)
    assert line["inputs"]["brightness"] == 1
    assert line["outputs"] == {"boxes": 2, "score_mean": 0.85, "classes": {"zero": 1, "one": 1}}
