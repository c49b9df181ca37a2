"""Text to `Spec`: reading with positions, overlays, variables, typing, checks, errors.

Names are loaded on first use: pydantic is imported when a spec is typed, and not before.
"""

from typing import TYPE_CHECKING

__all__ = ["LoadedSpec", "SpecErrors", "find_spec", "load_spec"]

if TYPE_CHECKING:
    from modelyard.spec.find import find_spec
    from modelyard.spec.load import LoadedSpec, SpecErrors, load_spec


def __getattr__(name: str) -> object:
    if name == "find_spec":
        from modelyard.spec.find import find_spec

        return find_spec
    if name in __all__:
        from modelyard.spec import load

        return getattr(load, name)
    raise AttributeError(f"module 'modelyard.spec' has no attribute {name!r}")
