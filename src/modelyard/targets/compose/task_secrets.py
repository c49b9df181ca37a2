"""What a task needs of our environment and must not be kept anywhere: it goes to the container by its stdin, only."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.secrets import references, value
from modelyard.targets.compose.names import service_name
from modelyard.targets.compose.proxies import proxy_variables
from modelyard.task import TaskDocument

_BY_PREFIX = ("AWS_", "AZURE_", "GOOGLE_CLOUD_", "HF_", "MLFLOW_")
_FROM_FILE = "MODELYARD_SECRET_"


@dataclass(frozen=True)
class Handed:
    """The document as the container reads it, and the environment variables that it gets."""

    document: TaskDocument
    variables: Mapping[str, str]


def handed(task: TaskDocument) -> Handed:
    """The secrets that this task refers to, and what clouds, trackers and proxies are reached by.

    A secret in a file becomes a variable: the file may be closed to whoever the container runs as. One that cannot be
    had here stays as it is, and the task says so itself.
    """
    sources: Mapping[str, Any] = task.settings.get("secrets") or {}
    variables = {name: text for name, text in os.environ.items() if name.startswith(_BY_PREFIX)}
    variables |= proxy_variables(os.environ, [service_name("tracking")] if task.tracking.get("served") else [])
    changed: dict[str, Any] = {}
    for name in sorted(references([task.node, task.tracking, task.store])):
        source = sources.get(name) or {}
        try:
            found = value(name, sources)
        except (ModelyardError, ValueError):
            continue
        if "file" in source:
            changed[name] = {"env": f"{_FROM_FILE}{name}"}
        variables[changed.get(name, source).get("env", name)] = found
    if not changed:
        return Handed(task, variables)
    return Handed(replace(task, settings={**task.settings, "secrets": {**sources, **changed}}), variables)
