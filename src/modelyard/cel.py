"""CEL expressions, without the half second that importing their library costs.

`import cel` imports the library's own command line, and with that typer and rich's whole stack; an empty module in
its place leaves the evaluator, which is one extension module (0.55 s → 0.02 s).
"""

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any


def library() -> Any:
    """The `cel` package, imported on first use."""
    if "cel" not in sys.modules:
        sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))
    import cel

    return cel


def evaluate(expression: str, names: Mapping[str, Any]) -> Any:
    """The value of an expression given plain data by name. Raises ValueError, KeyError, TypeError or RuntimeError."""
    return library().evaluate(expression, dict(names))
