"""What an action means for a kind, in a few words for the plan's line."""

from collections.abc import Mapping
from typing import Any

from modelyard.graph.model import Node
from modelyard.plan.definition import Action


def describe(node: Node, action: Action) -> str:
    """`gate, then production`, `new version, no restart`; empty where the action's name says it all."""
    if node.role == "service":
        return {Action.UPDATE: "new version, no restart", Action.REPLACE: "replace, with a restart"}.get(action, "")
    if node.kind == "register" and action is not Action.RESTORE:
        return _registration(node.config)
    return ""


def _registration(config: Mapping[str, Any]) -> str:
    promote = config.get("promote") or {"production": "auto"}
    stages = " and ".join(str(stage) for stage in promote) if isinstance(promote, Mapping) else str(promote)
    return f"gate, then {stages}" if config.get("gate") else f"register, then {stages}"
