"""Fingerprints: two nodes with the same fingerprint make the same result, wherever they run.

A fingerprint is a digest of what a node is by itself and of the digests of its inputs. The target, the address, marks,
resources, retries and the timeout say where and how, not what, and are no part of it.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from modelyard.digests import canonical_text, digest_bytes, digest_json
from modelyard.graph.model import CodeFile, Environment, Node


def fingerprint(node: Node, inputs: Mapping[str, str]) -> str:
    """The fingerprint of a node given the digest of each input port. Raises KeyError for a port without a digest."""
    return _digest(node, {port: inputs[port] for port in node.inputs} if node.inputs else {})


def service_fingerprint(node: Node, inputs: Mapping[str, str]) -> str:
    """As `fingerprint`, without the ports that a running service follows by itself."""
    return _digest(node, {port: inputs[port] for port, ref in node.inputs.items() if not ref.follow})


def _digest(node: Node, inputs: Mapping[str, str]) -> str:
    """Of `{**identity_parts(node), "inputs": inputs}`, put together from parts that many nodes share."""
    code, environment, kind = _shared_parts(node.code, node.environment, node.kind)
    external = canonical_text(node.external.digest) if node.external else "null"
    text = (
        f'{{"code":{code},"config":{canonical_text(dict(node.config))},"environment":{environment},'
        f'"external":{external},"inputs":{canonical_text(inputs) if inputs else "{}"},"kind":{kind}}}'
    )
    return digest_bytes(text.encode())


@lru_cache(maxsize=1024)
def _shared_parts(code: tuple[CodeFile, ...], environment: Environment, kind: str) -> tuple[str, str, str]:
    return canonical_text(_code(code)), canonical_text(_environment(environment)), canonical_text(kind)


def node_identity(node: Node) -> str:
    """The digest of everything of a node that decides its result, but its inputs."""
    return digest_json(identity_parts(node))


def identity_parts(node: Node) -> dict[str, Any]:
    """What `node_identity` covers, as plain data: what an explanation of a rerun compares part by part."""
    return {
        "kind": node.kind,
        "config": dict(node.config),
        "code": _code(node.code),
        "environment": _environment(node.environment),
        "external": node.external.digest if node.external else None,
    }


def _code(code: tuple[CodeFile, ...]) -> list[list[str]]:
    return [[file.path, file.digest] for file in code]


def _environment(environment: Environment) -> list[Any]:
    return [environment.python, environment.image, [list(package) for package in environment.packages]]
