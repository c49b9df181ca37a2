"""Targets by name; a module is imported when its target is used."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph
from modelyard.targets.base import Target

TARGETS = {
    "local": "modelyard.targets.local.target:open_local",
    "compose": "modelyard.targets.compose.target:open_compose",
    "kubernetes": "modelyard.targets.kubernetes.target:open_kubernetes",
}


def open_target(graph: Graph, root: Path) -> Target:
    """The target that a graph names, for the project in `root`; nothing is started yet."""
    name, settings = next(iter(graph.target.items()))
    if name not in TARGETS:
        raise ModelyardError(
            f"there is no target `{name}`", fix=f"targets here: {', '.join(TARGETS)}", code="unknown-target"
        )
    module, attribute = TARGETS[name].split(":")
    factory = getattr(import_module(module), attribute)
    options: Mapping[str, Any] = settings or {}
    return cast("Target", factory(graph, root, options))
