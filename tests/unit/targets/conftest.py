"""Cases that all targets share live in `tests/contract`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
