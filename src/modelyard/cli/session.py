"""What most commands start from: the loaded spec, its graph, and how wide and colourful the terminal is."""

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from modelyard.cli.options import Common

if TYPE_CHECKING:
    from modelyard.graph.model import Graph, Node
    from modelyard.spec import LoadedSpec
    from modelyard.state.state import State
    from modelyard.store import Store
    from modelyard.targets.base import Target


@dataclass(frozen=True)
class Session:
    """One project as a command sees it. Each part is opened when it is first asked for."""

    common: Common

    @cached_property
    def loaded(self) -> "LoadedSpec":
        return self.common.load()

    @cached_property
    def graph(self) -> "Graph":
        from modelyard.api import compile_graph

        return compile_graph(self.loaded)

    @cached_property
    def store(self) -> "Store":
        from modelyard.api import open_store

        return open_store(self.loaded, self.graph)

    @cached_property
    def target(self) -> "Target":
        from modelyard.api import open_target

        return open_target(self.loaded, self.graph)

    def state(self, *, read_only: bool = True) -> "State":
        from modelyard.api import open_state

        return open_state(self.loaded, self.graph, read_only=read_only)

    def node(self, address: str) -> "Node":
        """The node at an address. Raises ModelyardError with the nearest name."""
        nodes = self.graph.nodes
        if address in nodes:
            return nodes[address]

        from modelyard.errors import ModelyardError
        from modelyard.nearest import closest

        near = closest(address, nodes)
        hint = f"Did you mean `{near}`?" if near else f"There are: {', '.join(list(nodes)[:12])}"
        raise ModelyardError(f"no node has the address `{address}`", fix=hint, code="unknown-address")


def has_color(common: Common, stream: object = sys.stdout) -> bool:
    """Colour only for a terminal, unless --no-color or NO_COLOR says otherwise."""
    isatty = getattr(stream, "isatty", lambda: False)
    return common.color is not False and isatty() and os.environ.get("TERM") != "dumb"


def terminal_width(stream: object = sys.stdout) -> int | None:
    """Columns of the terminal; None where it is none, and nothing is cut."""
    if not getattr(stream, "isatty", lambda: False)():
        return None
    import shutil

    return shutil.get_terminal_size().columns
