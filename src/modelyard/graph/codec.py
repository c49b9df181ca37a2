"""Graph and node to plain JSON and back."""

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from modelyard.graph.model import (
    CodeFile,
    Environment,
    ExternalData,
    Graph,
    Node,
    Ref,
    Resources,
    Retries,
)


def node_to_json(node: Node) -> dict[str, Any]:
    return {
        "address": node.address,
        "kind": node.kind,
        "role": node.role,
        "config": dict(node.config),
        "inputs": {port: asdict(ref) for port, ref in node.inputs.items()},
        "outputs": list(node.outputs),
        "after": list(node.after),
        "code": [asdict(file) for file in node.code],
        "external": asdict(node.external) if node.external else None,
        "environment": {**asdict(node.environment), "packages": [list(p) for p in node.environment.packages]},
        "resources": asdict(node.resources),
        "retries": asdict(node.retries),
        "timeout": node.timeout,
        "marks": dict(node.marks),
    }


def node_from_json(data: Mapping[str, Any]) -> Node:
    environment = data["environment"]
    return Node(
        address=data["address"],
        kind=data["kind"],
        role=data["role"],
        config=MappingProxyType(dict(data["config"])),
        inputs=MappingProxyType({port: Ref(**ref) for port, ref in data["inputs"].items()}),
        outputs=tuple(data["outputs"]),
        after=tuple(data["after"]),
        code=tuple(CodeFile(**file) for file in data["code"]),
        external=ExternalData(**data["external"]) if data["external"] else None,
        environment=Environment(**{**environment, "packages": tuple(tuple(p) for p in environment["packages"])}),
        resources=Resources(**data["resources"]),
        retries=Retries(**data["retries"]),
        timeout=data["timeout"],
        marks=MappingProxyType(dict(data["marks"])),
    )


def graph_to_json(graph: Graph) -> dict[str, Any]:
    return {
        "project": graph.project,
        "environment": graph.environment,
        "target": dict(graph.target),
        "settings": dict(graph.settings),
        "nodes": [node_to_json(node) for node in graph.nodes.values()],
    }


def graph_from_json(data: Mapping[str, Any]) -> Graph:
    nodes = {node["address"]: node_from_json(node) for node in data["nodes"]}
    return Graph(data["project"], MappingProxyType(nodes), data["environment"], data["target"], data["settings"])
