"""Training back ends by name; a module is imported when its engine trains.

Other packages add theirs through the entry point group `modelyard.engines` (`name = "package.module:Class"`).
"""

import os
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from modelyard.errors import ModelyardError
from modelyard.nearest import closest

if TYPE_CHECKING:
    from modelyard.engines.base import Engine

ENGINES = {
    "command": "modelyard.engines.command:Command",
    "sklearn": "modelyard.engines.sklearn:Sklearn",
    "torch": "modelyard.engines.torch:Torch",
    "ultralytics": "modelyard.engines.ultralytics:Ultralytics",
}
_GROUP = "modelyard.engines"


def engine_names() -> tuple[str, ...]:
    return tuple(sorted({*ENGINES, *(point.name for point in entry_points(group=_GROUP))}))


def load_engine(name: str) -> "Engine":
    """A new engine of that name. Raises ModelyardError for an unknown name or a library that is not installed."""
    places = {**{point.name: point.value for point in entry_points(group=_GROUP)}, **ENGINES}
    if name not in places:
        close = closest(name, places)
        raise ModelyardError(
            f"there is no engine `{name}`",
            fix=f"Did you mean `{close}`?" if close else f"Engines here: {', '.join(sorted(places))}",
            code="unknown-engine",
        )
    module, _, attribute = places[name].partition(":")
    # OpenMP's threads wait asleep, not spinning: several tasks share the machine, and scikit-learn's many short
    # parallel regions take three times as long when they do not. Read when the library is loaded, so before that.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        engine: Engine = getattr(import_module(module), attribute)()
    except ModuleNotFoundError as error:
        raise ModelyardError(
            f"engine `{name}` needs the Python package `{error.name}`, which is not installed",
            fix="Install it, or `pip install 'modelyard[ml]'` for all engines",
            code="missing-package",
        ) from error
    return engine
