"""Fingerprints: two nodes with the same fingerprint make the same result, wherever they run.

A fingerprint is a digest of what a node is by itself and of the digests of its inputs. The target, the address, marks,
resources, retries and the timeout say where and how, not what, and are no part of it.
"""

from collections.abc import Mapping
from typing import Any

from modelyard.digests import digest_json
from modelyard.graph.model import Node


def fingerprint(node: Node, inputs: Mapping[str, str]) -> str:
    """The fingerprint of a node given the digest of each input port. Raises KeyError for a port without a digest."""
    return digest_json({**identity_parts(node), "inputs": {port: inputs[port] for port in node.inputs}})


def service_fingerprint(node: Node, inputs: Mapping[str, str]) -> str:
    """As `fingerprint`, without the ports that a running service follows by itself."""
    fixed = {port: inputs[port] for port, ref in node.inputs.items() if not ref.follow}
    return digest_json({**identity_parts(node), "inputs": fixed})


def node_identity(node: Node) -> str:
    """The digest of everything of a node that decides its result, but its inputs."""
    return digest_json(identity_parts(node))


def identity_parts(node: Node) -> dict[str, Any]:
    """What `node_identity` covers, as plain data: what an explanation of a rerun compares part by part."""
    environment = node.environment
    return {
        "kind": node.kind,
        "config": dict(node.config),
        "code": [[file.path, file.digest] for file in node.code],
        "environment": [environment.python, environment.image, [list(package) for package in environment.packages]],
        "external": node.external.digest if node.external else None,
    }
