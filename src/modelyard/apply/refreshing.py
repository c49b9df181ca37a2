"""A graph whose external data is looked at anew: for a run that starts by itself, long after the graph was made."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from modelyard.graph.data import disk_digests
from modelyard.graph.filecache import FileCache
from modelyard.graph.model import Graph, Node


def refreshed(
    graph: Graph, settings: Mapping[str, Any], root: Path, say: Callable[[str], None]
) -> Graph:  # fmt: skip
    """`settings` say where the secrets of URLs are. Raises ModelyardError for data that is not there any more."""
    look = disk_digests(root, FileCache.of(root), settings=settings)
    nodes: dict[str, Node] = {}
    for address, node in graph.nodes.items():
        nodes[address] = node
        if node.external is None:
            continue
        now = look(node.external.uri, str(node.config.get("type") or "files"), node.config.get("exclude") or ())
        if now.digest != node.external.digest:
            say(f"{address}: {node.external.uri} has changed")
            nodes[address] = replace(node, external=now)
    return replace(graph, nodes=MappingProxyType(nodes))
