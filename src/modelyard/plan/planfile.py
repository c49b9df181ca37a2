"""A plan kept in a file, to be looked at and then applied as it stands, or refused.

A file is bound to the project, the environment, the state's lineage and serial, and the digest of the graph (which
covers the spec, the code and the data): where one of them moved since, applying would not do what was read.
"""

import json
from pathlib import Path
from typing import Any

from modelyard.digests import canonical_json, digest_bytes, digest_json
from modelyard.errors import ModelyardError
from modelyard.files import write_whole
from modelyard.graph.fingerprint import identity_parts
from modelyard.graph.model import Graph, Node
from modelyard.plan.definition import Plan
from modelyard.plan.json import plan_from_json, plan_to_json

_FORMAT = "modelyard-plan-1"
_LARGEST = 256 << 20


def graph_digest(graph: Graph) -> str:
    """Covers all that a plan follows from; not marks, so that a comment in the spec spoils no plan."""
    nodes = [_parts(node) for node in graph.nodes.values()]
    return digest_json([graph.project, graph.environment, dict(graph.target), dict(graph.settings), nodes])


def _parts(node: Node) -> list[Any]:
    asked, again = node.resources, node.retries
    return [
        node.address, node.role, identity_parts(node), list(node.outputs), list(node.after),
        {port: [ref.node, ref.output, ref.follow] for port, ref in node.inputs.items()},
        [asked.cpu, asked.memory, asked.gpu, asked.gpu_type, asked.nodes], [again.times, again.backoff], node.timeout,
    ]  # fmt: skip


def save_plan(plan: Plan, graph: Graph, path: Path) -> None:
    """Write the plan, whole or not at all. Raises ModelyardError."""
    body = {"format": _FORMAT, "graph": graph_digest(graph), "plan": plan_to_json(plan)}
    data = canonical_json({**body, "digest": digest_json(body)})
    try:
        write_whole(path, data + b"\n")
    except OSError as error:
        raise ModelyardError(f"cannot write {path}: {error.strerror}", code="plan-file") from error


def load_plan(path: Path, graph: Graph) -> Plan:
    """Read a plan that was made for this graph. Raises ModelyardError: `plan-file`, or `stale-plan` where it moved."""
    body = _read(path)
    plan = _plan(body, path)
    if (plan.project, plan.environment) != (graph.project, graph.environment):
        made_for = f"{plan.project}, environment {plan.environment or 'none'}"
        raise ModelyardError(
            f"{path.name} is a plan for {made_for}, not for {graph.project}, {graph.environment or 'none'}",
            code="stale-plan", fix="Choose the environment with `-e`, or make a new plan.",
        )  # fmt: skip
    if body["graph"] != graph_digest(graph):
        raise ModelyardError(
            f"{path.name} is stale: the spec, its code or its data changed since it was made",
            code="stale-plan", fix=f"Look at what would be done now: modelyard plan -o {path.name}",
        )  # fmt: skip
    return plan


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST:
            raise _not_a_plan(path)
        body = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelyardError(f"cannot read {path}: {error.strerror}", code="plan-file") from error
    except (ValueError, RecursionError) as error:
        raise _not_a_plan(path) from error
    if not isinstance(body, dict) or body.get("format") != _FORMAT:
        raise _not_a_plan(path)
    said = body.pop("digest", None)
    if said != digest_bytes(canonical_json(body)):
        raise ModelyardError(f"{path} was changed after it was written", code="plan-file", fix="Make a new plan.")
    return body


def _plan(body: dict[str, Any], path: Path) -> Plan:
    try:
        return plan_from_json(body["plan"])
    except (KeyError, TypeError, ValueError) as error:
        raise _not_a_plan(path) from error


def _not_a_plan(path: Path) -> ModelyardError:
    return ModelyardError(f"{path} is not a plan", code="plan-file", fix=f"Make one: modelyard plan -o {path.name}")
