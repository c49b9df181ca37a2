"""A plan as JSON (schema: `schemas/plan.v1.json`) and back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from modelyard.plan.definition import Action, Change, Estimate, Plan, Reason, Totals
from modelyard.plan.objects import FieldChange, ObjectChange
from modelyard.plan.policies import Verdict

VERSION = 1


def plan_to_json(plan: Plan, verdicts: Sequence[Verdict] = ()) -> dict[str, Any]:
    """Every change, the unchanged too, in the plan's order."""
    return {
        "version": VERSION,
        "project": plan.project,
        "environment": plan.environment,
        "target": plan.target,
        "against": plan.against,
        "selected": plan.selected,
        "state": {
            "serial": plan.serial, "lineage": plan.lineage, "applied_at": plan.applied_at,
            "applied_by": plan.applied_by,
        },
        "empty": plan.empty,
        "counts": plan.counts(),
        "totals": asdict(plan.totals),
        "warnings": list(plan.warnings),
        "skipped": dict(plan.skipped),
        "policies": [asdict(verdict) for verdict in verdicts],
        "changes": [change_to_json(change) for change in plan.changes],
        "objects": [asdict(change) for change in plan.objects],
    }  # fmt: skip


def change_to_json(change: Change) -> dict[str, Any]:
    return {
        "address": change.address,
        "kind": change.kind,
        "role": change.role,
        "action": str(change.action),
        "certain": change.certain,
        "fingerprint": change.fingerprint,
        "after": list(change.after),
        "reasons": [{**asdict(reason), "text": str(reason)} for reason in change.reasons],
        "estimate": asdict(change.estimate) if change.estimate else None,
        "detail": change.detail,
        "summary": change.summary,
    }


def plan_from_json(data: Mapping[str, Any]) -> Plan:
    """Raises KeyError, TypeError or ValueError for what `plan_to_json` never wrote."""
    state = data["state"]
    return Plan(
        project=data["project"],
        changes=tuple(change_from_json(change) for change in data["changes"]),
        environment=data["environment"],
        target=data["target"],
        totals=Totals(**data["totals"]),
        serial=state["serial"],
        lineage=state["lineage"],
        applied_at=state["applied_at"],
        applied_by=state["applied_by"],
        against=data["against"],
        warnings=tuple(data["warnings"]),
        skipped=tuple(data["skipped"].items()),
        selected=data["selected"],
        objects=tuple(_object_from_json(change) for change in data.get("objects", ())),  # a plan of an earlier version
    )


def _object_from_json(data: Mapping[str, Any]) -> ObjectChange:
    return ObjectChange(**{**data, "fields": tuple(FieldChange(**field) for field in data["fields"])})


def change_from_json(data: Mapping[str, Any]) -> Change:
    reasons = tuple(
        Reason(**{name: value for name, value in reason.items() if name != "text"}) for reason in data["reasons"]
    )
    return Change(
        address=data["address"],
        kind=data["kind"],
        role=data["role"],
        action=Action(data["action"]),
        reasons=reasons,
        certain=data["certain"],
        fingerprint=data["fingerprint"],
        after=tuple(data["after"]),
        estimate=Estimate(**data["estimate"]) if data["estimate"] else None,
        detail=data["detail"],
        summary=data["summary"],
    )
