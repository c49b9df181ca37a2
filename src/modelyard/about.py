"""What the package says of itself, for parts that may not import its face (`modelyard` reaches the whole of it)."""

import sys
from pathlib import Path


def own_version() -> str:
    return str(vars(sys.modules["modelyard"])["__version__"])


def own_folder() -> Path:
    """Where the package is installed."""
    return Path(__file__).resolve().parent
