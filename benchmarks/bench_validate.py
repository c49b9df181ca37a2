"""`validate` of the digits spec: at most 3 times a bare `python -c pass`, plus 100 ms."""

import sys
from pathlib import Path

from measure import MODELYARD, alternate, result

DIGITS = Path(__file__).parents[1] / "examples" / "digits"

ours, bare = alternate((*MODELYARD, "validate"), (sys.executable, "-c", "pass"), DIGITS, DIGITS, runs=15)
allowed = 3 * bare + 0.1
print(f"validate {ours * 1000:.0f} ms, python -c pass {bare * 1000:.0f} ms, allowed {allowed * 1000:.0f} ms")
result("validate", ours, allowed, 1.0)
