"""Pictures to tensors, as `signature.json`'s `preprocess` says, and boxes back to the picture's own pixels."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from modelyard.errors import ModelyardError

_GREY = 114  # what YOLO's own letterbox pads with; training saw it


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a picture of `width` × `height` was scaled by `scale` and put at (`left`, `top`) of the model's square."""

    width: int
    height: int
    scale: float
    left: int
    top: int

    def restore(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (n, 4) `x1 y1 x2 y2` of the model's square in the picture's pixels, clipped to the picture."""
        moved = (boxes - np.array([self.left, self.top] * 2, np.float32)) / np.float32(self.scale)
        limits = np.array([self.width, self.height] * 2, np.float32)
        clipped: np.ndarray = np.clip(moved, 0, limits).astype(np.float32)
        return clipped


# ImportError: ultralytics, where it is loaded, puts its own `Image.open` in place, which then looks for pi-heif.
UNREADABLE = (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError, ImportError)


def why_unreadable(error: BaseException) -> str:
    """What Pillow had to say, under what was raised while that was handled."""
    while isinstance(error, ImportError) and error.__context__ is not None:
        error = error.__context__
    return str(error)


def read_image(source: bytes | Path) -> Image.Image:
    """Decode a picture to upright RGB. Raises ModelyardError for what is no picture, is broken, or is a pixel bomb."""
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as opened:
            return ImageOps.exif_transpose(opened).convert("RGB")
    except UNREADABLE as error:
        name = f"{len(source)} byte{'' if len(source) == 1 else 's'}" if isinstance(source, bytes) else source.name
        raise ModelyardError(f"not a readable picture ({name}): {why_unreadable(error)}", code="bad-image") from error


def letterbox(image: Image.Image, size: int) -> tuple[np.ndarray, Letterbox]:
    """Scale a picture into a `size` × `size` square, keeping its shape, grey around it. Gives uint8 (size, size, 3)."""
    width, height = image.size
    scale = min(size / width, size / height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (round((size - side) / 2 - 0.1) for side in inner)
    square: np.ndarray = np.full((size, size, 3), _GREY, np.uint8)
    resized = image if image.size == inner else image.resize(inner, Image.Resampling.BILINEAR)
    square[top : top + inner[1], left : left + inner[0]] = np.asarray(resized)
    return square, Letterbox(width, height, scale, left, top)


def prepare_image(image: Image.Image, preprocess: Mapping[str, Any]) -> tuple[np.ndarray, Letterbox]:
    """A picture as the float32 (channels, height, width) tensor that the model takes.

    Keys of `preprocess`: `imgsz` (side of the square), `letterbox` (else stretched), `scale` (divisor, 255),
    `mean` and `std` (one each channel, after scaling), `channels` (3, or 1 for grey).
    """
    size = int(preprocess["imgsz"])
    if preprocess.get("letterbox", True):
        pixels, box = letterbox(image, size)
    else:
        pixels = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
        box = Letterbox(image.width, image.height, 1.0, 0, 0)
    tensor = pixels.astype(np.float32) / np.float32(preprocess.get("scale", 255))
    if preprocess.get("channels", 3) == 1:
        tensor = tensor @ np.array([[0.299], [0.587], [0.114]], np.float32)
    if "mean" in preprocess:
        tensor = tensor - np.asarray(preprocess["mean"], np.float32)
    if "std" in preprocess:
        tensor = tensor / np.asarray(preprocess["std"], np.float32)
    return np.ascontiguousarray(tensor.transpose(2, 0, 1)), box
