"""`modelyard render` for the local target: what would run, as files to read. Pure and deterministic."""

import json
from typing import Any

from modelyard.graph.codec import graph_to_json, node_to_json
from modelyard.graph.model import Graph, Node
from modelyard.targets.base import Files
from modelyard.targets.templates import render_folder


def render_processes(graph: Graph) -> Files:
    """`graph.json`, one `nodes/<address>.json` a node, a `Procfile` of the services, and a README with the order."""
    nodes = list(graph.nodes.values())
    files = {f"nodes/{_file_name(node)}.json": _json(node_to_json(node)) for node in nodes}
    files["graph.json"] = _json(graph_to_json(graph))
    rows = [_row(node) for node in nodes]
    values = {"graph": graph, "nodes": rows, "services": [row for row in rows if row["role"] == "service"]}
    files |= render_folder("local", values)
    return dict(sorted(files.items()))


def _row(node: Node) -> dict[str, str]:
    """A node as the templates of `targets/local` show it."""
    return {
        "address": node.address,
        "kind": node.kind,
        "role": node.role,
        "name": node.address.replace(".", "-"),
        "file": _file_name(node),
        "after": ", ".join(f"`{name}`" for name in node.upstream) or "nothing",
        "needs": _needs(node),
    }


def _needs(node: Node) -> str:
    resources = node.resources
    parts = [f"{resources.cpu:g} CPU"]
    parts += [f"{resources.memory / 2**30:.3g} GiB"] if resources.memory else []
    parts += [f"{resources.gpu} GPU {resources.gpu_type or ''}".strip()] if resources.gpu else []
    parts += [f"port {node.config['port']}"] if node.role == "service" and node.config.get("port") else []
    return ", ".join(parts)


def _file_name(node: Node) -> str:
    return node.address.replace("/", "_")


def _json(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
