"""One seed for everything that rolls dice in a step."""

import os
import random
import sys
from collections.abc import Mapping
from typing import Any

DEFAULT = 0


def seed_of(config: Mapping[str, Any]) -> int:
    """The seed that a node's config asks for: its own, or that of its parameters, or 0."""
    params = config.get("params")
    for place in (config, params if isinstance(params, Mapping) else {}):
        if isinstance(seed := place.get("seed"), int):
            return seed
    return DEFAULT


def set_seeds(seed: int) -> None:
    """Seed Python, and NumPy and torch where they are loaded already: no library is imported for this."""
    os.environ["MODELYARD_SEED"] = str(seed)
    os.environ.setdefault("PYTHONHASHSEED", "0")
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
