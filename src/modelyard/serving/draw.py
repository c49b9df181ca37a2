"""Boxes on a picture, readable also where the picture is small."""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from modelyard.errors import ModelyardError
from modelyard.inference.preprocess import read_image

_COLOURS = (
    (230, 25, 75), (60, 180, 75), (67, 99, 216), (245, 130, 49), (145, 30, 180), (0, 128, 128), (240, 50, 230),
    (154, 99, 36), (128, 128, 0), (0, 0, 117), (70, 190, 210), (170, 110, 200),
)  # fmt: skip
_LONG_SIDE = 640
Spot = tuple[float, float, float, float]


def draw_boxes(picture: Path, answer: Mapping[str, Any], to: Path) -> Path:
    """Draw the boxes of `/predict`'s answer on the picture and save it; the suffix of `to` names the format."""
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        drawn(read_image(picture), answer.get("boxes", ())).save(to)
    except (OSError, ValueError) as error:
        raise ModelyardError(f"cannot save {to}: {error}", fix="name a .png or .jpg file", code="no-file") from error
    return to


def drawn(image: Image.Image, boxes: Sequence[Mapping[str, Any]]) -> Image.Image:
    """A copy with boxes and labels; small pictures are enlarged by a whole number first. Best boxes come on top."""
    scale = max(1, round(_LONG_SIDE / max(image.size)))
    picture = image.convert("RGB").resize((image.width * scale, image.height * scale), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(picture)
    long_side = max(picture.size)
    font = ImageFont.load_default(size=max(14, long_side // 42))
    line = max(2, long_side // 320)
    taken: list[Spot] = []
    for box in sorted(boxes, key=lambda box: box["score"]):
        corners = (box["x1"] * scale, box["y1"] * scale, box["x2"] * scale, box["y2"] * scale)
        pen.rectangle(corners, outline=_colour(str(box["class"])), width=line)
    for box in sorted(boxes, key=lambda box: -box["score"]):
        corners = (box["x1"] * scale, box["y1"] * scale, box["x2"] * scale, box["y2"] * scale)
        text = f"{box['class']}  {box['score']:.0%}"
        spot = _place(pen.textbbox((0, 0), text, font=font), corners, picture.size, taken)
        taken.append(spot)
        colour = _colour(str(box["class"]))
        pen.rounded_rectangle(spot, radius=line + 1, fill=colour)
        middle = ((spot[0] + spot[2]) / 2, (spot[1] + spot[3]) / 2)
        pen.text(middle, text, font=font, fill=_ink(colour), anchor="mm")
    return picture


def _colour(name: str) -> tuple[int, int, int]:
    index = int(name) if name.isdecimal() and name.isascii() and len(name) < 6 else zlib.crc32(name.encode())
    return _COLOURS[index % len(_COLOURS)]


def _ink(colour: tuple[int, int, int]) -> str:
    red, green, blue = colour
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 150 else "white"


def _place(extent: Spot, box: Spot, size: tuple[int, int], taken: Sequence[Spot]) -> Spot:
    """Where a label goes: above its box, below, or inside, whichever covers the least of other labels."""
    width, height = extent[2] - extent[0] + 10, extent[3] - extent[1] + 8
    corners = (
        (box[0], box[1] - height), (box[0], box[3]), (box[0], box[1]), (box[2] - width, box[3] - height),
        (box[2], box[1]), (box[0] - width, box[1]),
    )  # fmt: skip
    spots = []
    for x, y in corners:
        left, top = min(max(x, 0), max(size[0] - width, 0)), min(max(y, 0), max(size[1] - height, 0))
        moved = abs(left - x) + abs(top - y)
        spot = (left, top, left + width, top + height)
        spots.append((sum(_shared(spot, other) for other in taken) + moved * height, spot))
    return min(spots, key=lambda found: found[0])[1]


def _shared(first: Spot, second: Spot) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(width, 0) * max(height, 0)
