"""Decoding and suppression of boxes, and pictures made ready for a model."""

import io

import numpy as np
import pytest
from PIL import Image

from modelyard.errors import ModelyardError
from modelyard.inference.detect import decode, overlaps
from modelyard.inference.preprocess import letterbox, prepare_image, read_image


def head(*rows):
    """A YOLO head's output (4 + classes, anchors) from rows of centre x, centre y, width, height, scores…"""
    return np.array(rows, np.float32).T


def test_of_overlapping_boxes_of_a_class_the_surest_stays():
    output = head((50, 50, 20, 20, 0.9, 0.1), (52, 50, 20, 20, 0.8, 0.0), (90, 90, 10, 10, 0.5, 0.2))
    found = decode(output, iou=0.5)

    assert found.boxes.tolist() == [[40, 40, 60, 60], [85, 85, 95, 95]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.5])


def test_boxes_of_different_classes_do_not_suppress_each_other():
    output = head((50, 50, 20, 20, 0.9, 0.1), (52, 50, 20, 20, 0.1, 0.8))
    assert decode(output, iou=0.5).classes.tolist() == [0, 1]


def test_below_the_threshold_there_is_nothing():
    assert len(decode(head((50, 50, 20, 20, 0.2, 0.1)), threshold=0.25)) == 0


def test_one_anchor_speaks_for_several_classes_only_where_asked():
    output = head((50, 50, 20, 20, 0.9, 0.8))
    assert len(decode(output)) == 1
    assert decode(output, multi_label=True).classes.tolist() == [0, 1]


@pytest.mark.e2e
def test_suppression_agrees_with_torchvisions():
    torch = pytest.importorskip("torch")
    from torchvision.ops import batched_nms

    random = np.random.default_rng(0)
    corner, size = random.uniform(0, 80, (400, 2)), random.uniform(5, 30, (400, 2))
    centre = corner + size / 2
    scores = random.uniform(0, 1, (400, 3))
    output = np.concatenate([centre, size, scores], axis=1).T.astype(np.float32)
    found = decode(output, threshold=0.3, iou=0.5, limit=1000)

    best = scores.argmax(1)
    keep = scores.max(1) > 0.3
    boxes = torch.from_numpy(np.concatenate([corner, corner + size], 1)[keep].astype(np.float32))
    kept = batched_nms(
        boxes, torch.from_numpy(scores.max(1)[keep].astype(np.float32)), torch.from_numpy(best[keep]), 0.5
    )
    assert np.allclose(found.boxes, boxes[kept].numpy(), atol=1e-3)


def test_overlaps_is_intersection_over_union():
    assert overlaps(np.array([[0, 0, 10, 10.0]]), np.array([[5, 0, 15, 10.0], [20, 20, 30, 30]])).tolist() == [
        [pytest.approx(1 / 3), 0.0]
    ]


@pytest.mark.parametrize("shape", [(200, 100), (100, 200), (96, 96), (1, 500), (31, 17)])
def test_boxes_come_back_to_the_pictures_own_pixels(shape):
    square, box = letterbox(Image.new("RGB", shape), 96)
    whole = np.array([[box.left, box.top, box.left + shape[0] * box.scale, box.top + shape[1] * box.scale]], np.float32)

    assert square.shape == (96, 96, 3)
    assert box.restore(whole)[0].tolist() == pytest.approx([0, 0, *shape], abs=0.01)


def test_a_tensor_is_scaled_and_normalized_as_the_signature_says():
    image = Image.new("RGB", (4, 4), (255, 0, 0))
    tensor, _ = prepare_image(image, {"imgsz": 4, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]})
    assert tensor[:, 0, 0].tolist() == [1, -1, -1]


def test_a_picture_is_turned_upright_and_made_rgb():
    image = Image.new("L", (20, 10))
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was turned
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)

    read = read_image(buffer.getvalue())
    assert (read.mode, read.size) == ("RGB", (10, 20))


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_what_is_no_picture_is_told(content):
    with pytest.raises(ModelyardError, match="not a readable picture"):
        read_image(content)


def test_a_pixel_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    buffer = io.BytesIO()
    Image.new("L", (50, 50)).save(buffer, "PNG")
    with pytest.raises(ModelyardError, match="not a readable picture"):
        read_image(buffer.getvalue())
