"""`modelyard render` for the local target: what would run, as files to read. Pure and deterministic."""

import json
from typing import Any

from modelyard.graph.codec import graph_to_json, node_to_json
from modelyard.graph.model import Graph, Node
from modelyard.targets.base import Files


def render_processes(graph: Graph) -> Files:
    """`graph.json`, one `nodes/<address>.json` a node, a `Procfile` of the services, and a README with the order."""
    nodes = list(graph.nodes.values())
    files = {f"nodes/{_file_name(node)}.json": _json(node_to_json(node)) for node in nodes}
    files["graph.json"] = _json(graph_to_json(graph))
    services = [node for node in nodes if node.role == "service"]
    if services:
        files["Procfile"] = "".join(f"{_line(node)}\n" for node in services).encode()
    files["README.md"] = _readme(graph, nodes).encode()
    return dict(sorted(files.items()))


def _readme(graph: Graph, nodes: list[Node]) -> str:
    rows = [
        f"| {number} | `{node.address}` | {node.kind} "
        f"| {', '.join(f'`{name}`' for name in node.upstream) or 'nothing'} | {_needs(node)} |"
        for number, node in enumerate(nodes, 1)
    ]
    environment = f", environment {graph.environment}" if graph.environment else ""
    return "\n".join(
        [
            f"# {graph.project} on this machine{environment}",
            "",
            "What `modelyard apply` runs here, in this order. Each task is a process",
            "`python -m modelyard.runtime NODE.json`; each service is one that the project's supervisor keeps up.",
            "",
            "| # | address | kind | after | needs |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _needs(node: Node) -> str:
    resources = node.resources
    parts = [f"{resources.cpu:g} CPU"]
    parts += [f"{resources.memory / 2**30:.3g} GiB"] if resources.memory else []
    parts += [f"{resources.gpu} GPU {resources.gpu_type or ''}".strip()] if resources.gpu else []
    parts += [f"port {node.config['port']}"] if node.role == "service" and node.config.get("port") else []
    return ", ".join(parts)


def _line(node: Node) -> str:
    name = node.address.replace(".", "-")
    return f"{name}: python -m modelyard.runtime nodes/{_file_name(node)}.json"


def _file_name(node: Node) -> str:
    return node.address.replace("/", "_")


def _json(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
