"""Policies: CEL over the plan and the graph, as in Kubernetes' ValidatingAdmissionPolicy; each denies or warns.

`plan` has: gpu_hours, seconds, cost, project, environment, target, creates, reruns, restores, updates, replaces,
deletes, follows, unchanged, and changes (of what is not unchanged): address, section, kind, role, action, certain,
reasons (kind, what, before, after), gpu_hours, seconds. `graph` has: project, environment, target, nodes (by address:
kind, role, config, resources, inputs, packages).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from modelyard.cel import evaluate
from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph, Node
from modelyard.plan.definition import Action, Change, Plan
from modelyard.wording import on_one_line

Effect = Literal["deny", "warn"]
_MESSAGE = 300
_PLURALS = {"create": "creates", "rerun": "reruns", "restore": "restores", "update": "updates", "replace": "replaces",
            "delete": "deletes", "follow": "follows", "no-op": "unchanged"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """A policy whose condition holds."""

    name: str
    effect: Effect
    message: str
    place: str | None = None


def judge(plan: Plan, graph: Graph, policies: Mapping[str, Mapping[str, Any]]) -> tuple[Verdict, ...]:
    """The policies that hold, denials first. Raises ModelyardError (code `policy`) for one that cannot be evaluated."""
    if not policies:
        return ()
    names = {"plan": plan_names(plan), "graph": graph_names(graph)}
    verdicts = []
    for name, policy in policies.items():
        effect: Effect = "deny" if "deny" in policy else "warn"
        condition = str(policy[effect])
        if holds(condition, names, f"policies.{name}.{effect}"):
            said = on_one_line(policy.get("message") or "", _MESSAGE) or f"{on_one_line(condition)} holds"
            verdicts.append(Verdict(name, effect, said))
    return tuple(sorted(verdicts, key=lambda verdict: verdict.effect))


def denied(verdicts: tuple[Verdict, ...]) -> ModelyardError | None:
    """The error that a denied plan is refused with, or None."""
    refusals = [verdict for verdict in verdicts if verdict.effect == "deny"]
    if not refusals:
        return None
    first = refusals[0]
    return ModelyardError(
        first.message, address=f"policies.{first.name}", code="denied",
        fix="Change the spec so that the policy allows it, or ask whoever keeps the policy.",
        details=[f"policies.{verdict.name}: {verdict.message}" for verdict in refusals[1:]],
    )  # fmt: skip


def holds(condition: str, names: Mapping[str, Any], address: str) -> bool:
    try:
        answer = evaluate(condition, names)
    except KeyError as error:
        raise _wrong(
            address, f"there is no `{error.args[0]}` here", f"`plan` has: {', '.join(names['plan'])}."
        ) from error
    except (ValueError, TypeError, RuntimeError) as error:
        lines = str(error).splitlines()
        raise _wrong(address, lines[0] if lines else "not an expression", "Names here: plan, graph.") from error
    if not isinstance(answer, bool):
        raise _wrong(address, f"gives {answer!r}, where true or false is asked for", "Compare it with something.")
    return answer


def _wrong(address: str, what: str, fix: str) -> ModelyardError:
    return ModelyardError(what, address=address, fix=fix, code="policy")


def plan_names(plan: Plan) -> dict[str, Any]:
    counts = plan.counts()
    return {
        "project": plan.project,
        "environment": plan.environment or "",
        "target": plan.target,
        "seconds": float(plan.totals.seconds),
        "gpu_hours": float(plan.totals.gpu_hours),
        "cost": float(plan.totals.cost or 0.0),
        **{plural: counts.get(word, 0) for word, plural in _PLURALS.items()},
        "changes": [_change(change) for change in plan.changes if change.action is not Action.NOOP],
    }


def _change(change: Change) -> dict[str, Any]:
    estimate = change.estimate
    return {
        "address": change.address,
        "section": change.address.split(".", 1)[0],
        "kind": change.kind,
        "role": change.role,
        "action": str(change.action),
        "certain": change.certain,
        "reasons": [
            {"kind": reason.kind, "what": reason.what, "before": reason.before or "", "after": reason.after or ""}
            for reason in change.reasons
        ],
        "seconds": float(estimate.seconds) if estimate else 0.0,
        "gpu_hours": float(estimate.gpu_hours) if estimate else 0.0,
    }


def graph_names(graph: Graph) -> dict[str, Any]:
    return {
        "project": graph.project,
        "environment": graph.environment or "",
        "target": next(iter(graph.target), "local"),
        "nodes": {address: _node(node) for address, node in graph.nodes.items()},
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "kind": node.kind,
        "role": node.role,
        "config": dict(node.config),
        "resources": asdict(node.resources),
        "inputs": {port: str(ref) for port, ref in node.inputs.items()},
        "packages": dict(node.environment.packages),
    }
