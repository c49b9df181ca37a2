"""Where a service runs that was applied before: on this target, or on the one that its environment had then."""

from dataclasses import replace
from pathlib import Path

from modelyard.graph.model import Graph
from modelyard.state import AppliedRecord
from modelyard.targets import open_target
from modelyard.targets.base import Target


def target_of(record: AppliedRecord | None, graph: Graph, root: Path, here: Target) -> Target:
    """`here`, unless the record names another target. Raises ModelyardError where that one is not to be had."""
    if record is None or not record.target or next(iter(record.target)) == next(iter(graph.target), None):
        return here
    return open_target(replace(graph, target=record.target), root)
