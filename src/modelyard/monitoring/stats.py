"""Numbers that describe an image: what the checks look at, and what a drift of pictures shows in.

The server logs the same numbers by the same names in place of the picture; so both sides reduce the image alike.
"""

from io import BytesIO
from pathlib import Path
from typing import Any

_SIDE = 64


def image_stats(source: Path | bytes) -> dict[str, float]:
    """Width, height, bytes, and mean (`brightness`) and deviation (`contrast`) of grey from 0 to 1, at 64×64.

    Raises OSError for what is not an image, or is one cut short.
    """
    import numpy as np
    from PIL import Image

    from modelyard.inference.preprocess import UNREADABLE, why_unreadable

    data = source if isinstance(source, bytes) else source.read_bytes()
    try:
        with Image.open(BytesIO(data)) as image:
            image.load()
            small: Any = np.asarray(image.convert("RGB").resize((_SIDE, _SIDE)).convert("L"), np.float32) / 255
            width, height = image.size
    except UNREADABLE as error:
        raise OSError(why_unreadable(error)) from error
    return {
        "width": width,
        "height": height,
        "bytes": len(data),
        "brightness": round(float(small.mean()), 4),
        "contrast": round(float(small.std()), 4),
    }
