"""Steps by kind; a module is imported when its kind runs."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelyard.steps.base import Step

STEPS = {
    "command": "modelyard.steps.command:run",
    "function": "modelyard.steps.function:run",
    "ingest": "modelyard.steps.ingest:run",
    "expect": "modelyard.steps.expect:run",
    "features": "modelyard.steps.features:run",
    "materialize": "modelyard.steps.materialize:run",
    "join": "modelyard.steps.join:run",
    "train": "modelyard.steps.train:run",
    "evaluate": "modelyard.steps.evaluate:run",
    "tune": "modelyard.steps.tune:run",
    "register": "modelyard.steps.register:run",
}

# What a node does that does not lead, where several work on one task.
FOLLOWERS = {"train": "modelyard.steps.train:follow"}

# One trial of a study that somebody else leads.
TRIALS = {"tune": "modelyard.steps.tuning.handed:run"}

SERVICES = {
    "command": "modelyard.steps.service:serve",
    "serve": "modelyard.serving.service:serve",
    "monitor": "modelyard.steps.monitor:serve",
    "tracking": "modelyard.tracking.server:serve",
}


def find(table: dict[str, str], kind: str) -> "Step":
    """The function of a kind, imported now. Raises KeyError for a kind that is not in the table."""
    module, name = table[kind].split(":")
    function: Step = getattr(import_module(module), name)
    return function
