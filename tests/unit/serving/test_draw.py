import numpy as np
import pytest
from PIL import Image

from modelyard.errors import ModelyardError
from modelyard.serving.draw import draw_boxes, drawn


def box(x1: float, y1: float, x2: float, y2: float, name: str = "7", score: float = 0.9) -> dict:
    return {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": name, "score": score}


def test_small_pictures_are_enlarged_and_large_ones_are_not():
    assert drawn(Image.new("RGB", (160, 120)), []).size == (640, 480)
    assert drawn(Image.new("RGB", (1920, 1080)), []).size == (1920, 1080)


def test_a_box_is_drawn_in_its_classes_colour_where_it_is():
    grey = Image.new("RGB", (160, 160), "grey")
    pixels = np.asarray(drawn(grey, [box(40, 40, 80, 80)]))
    assert (pixels != 128).any()
    assert tuple(pixels[240, 160]) == tuple(pixels[320 - 1, 240]) != (128, 128, 128)  # left edge and bottom edge
    assert tuple(pixels[240, 240]) == (128, 128, 128)  # its middle stays
    other = np.asarray(drawn(grey, [box(40, 40, 80, 80, name="3")]))
    assert tuple(other[240, 160]) != tuple(pixels[240, 160])


@pytest.mark.parametrize("corners", [(0, 0, 5, 5), (150, 150, 160, 160), (0, 0, 160, 160), (-3, -3, 200, 200)])
def test_labels_stay_on_the_picture(corners):
    assert drawn(Image.new("RGB", (160, 160)), [box(*corners, name="a rather long class name")]).size == (640, 640)


def test_the_file_is_written_by_its_suffix_and_a_bad_one_is_said(tmp_path):
    photo = tmp_path / "a.png"
    Image.new("RGB", (32, 32)).save(photo)
    assert Image.open(draw_boxes(photo, {"boxes": [box(1, 1, 9, 9)]}, tmp_path / "b.jpg")).format == "JPEG"
    with pytest.raises(ModelyardError, match="cannot save"):
        draw_boxes(photo, {"boxes": []}, tmp_path / "b.what")
