"""What stands around the graph: plain data for whoever applies, runs or renders it."""

from typing import Any

from modelyard.graph.compile.compilation import Compilation
from modelyard.graph.compile.tracking import tracking_of
from modelyard.graph.lock import LOCK_FILE, Lock

_SECTIONS = ("store", "state", "pipeline", "runtime")
_TABLES = ("notifications", "secrets", "policies")


def settings_of(out: Compilation, lock: Lock | None) -> dict[str, Any]:
    """Sections by name, then what compiling found out: `lock`, and `skipped` addresses with their reasons."""
    spec = out.spec
    settings: dict[str, Any] = {"tracking": tracking_of(spec)}
    settings |= {name: getattr(spec, name).plain() for name in _SECTIONS}
    settings |= {name: {key: one.plain() for key, one in sorted(getattr(spec, name).items())} for name in _TABLES}
    settings["lock"] = {"file": LOCK_FILE if lock else None, "unlocked": sorted(out.environments.unlocked)}
    settings["skipped"] = dict(sorted(out.skipped.items()))
    return settings
