"""The local target keeps the contract of all targets."""

from pathlib import Path

from contract.on_this_machine import OnThisMachine
from modelyard.graph.model import Graph
from modelyard.targets import open_target
from modelyard.targets.base import Target


class TestLocalTarget(OnThisMachine):
    def open(self, root: Path) -> Target:
        return open_target(Graph("contract", {}, target={"local": {"grace": 1.0}}), root)
