"""Modelyard: one `mlops.yaml` describes a model from its data to its alerts.

The package's own names are loaded on first use, so that `modelyard --help` stays fast.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["__version__", "apply_plan", "compile_graph", "load", "make_plan"]

if TYPE_CHECKING:
    from modelyard.api import apply_plan, compile_graph, load, make_plan


def __getattr__(name: str) -> object:
    if name in __all__:
        from modelyard import api

        return getattr(api, name)
    raise AttributeError(f"module 'modelyard' has no attribute {name!r}")
