"""Numbers that describe an image: what the checks look at, and what a drift of pictures shows in.

Also the server's, which logs them in place of the picture: the names are the same on both sides.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

_SIDE = 64
IMAGE_STATS = ("width", "height", "aspect", "brightness", "contrast")


def image_stats(source: Path | bytes) -> dict[str, float]:
    """Width, height, aspect, and mean (`brightness`) and standard deviation (`contrast`) of grey, both from 0 to 1.

    Raises OSError for what is not an image, or is one cut short.
    """
    import numpy as np
    from PIL import Image

    try:
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source) as image:
            image.load()
            width, height = image.size
            image.thumbnail((_SIDE, _SIDE))
            grey: Any = np.asarray(image.convert("L"), np.float32) / 255
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:  # what Pillow raises for broken files
        raise OSError(str(error)) from error
    return {
        "width": float(width), "height": float(height), "aspect": round(width / height, 4),
        "brightness": round(float(grey.mean()), 4), "contrast": round(float(grey.std()), 4),
    }  # fmt: skip


def box_stats(labels: Sequence[int], classes: Sequence[str]) -> dict[str, float]:
    """How many boxes there are, and how many of each class (`class_<name>`)."""
    counts = {f"class_{name}": float(sum(label == number for label in labels)) for number, name in enumerate(classes)}
    return {"boxes": float(len(labels)), **counts}
