"""The published JSON Schema of `plan --format json`: `schemas/plan.v1.json` is this function's word, tested fresh."""

import json
from typing import Any, get_args

from modelyard.plan.definition import Action, ReasonKind

_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_NUMBER = {"type": "number", "minimum": 0}
_MAYBE_NUMBER = {"type": ["number", "null"], "minimum": 0}
_COUNT = {"type": "integer", "minimum": 0}
_FLAG = {"type": "boolean"}


def plan_schema() -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://modelyard.dev/schemas/plan.v1.json",
        "title": "A plan of Modelyard, version 1",
        **_object(
            {
                "version": {"const": 1},
                "project": _TEXT,
                "environment": _MAYBE_TEXT,
                "target": _TEXT,
                "against": {**_MAYBE_TEXT, "description": "The git ref this is compared with, where state was not."},
                "selected": {**_FLAG, "description": "Whether only a part of the graph was asked for."},
                "state": _object({
                    "serial": {"type": ["integer", "null"]}, "lineage": _MAYBE_TEXT, "applied_at": _MAYBE_TEXT,
                    "applied_by": _MAYBE_TEXT,
                }),
                "empty": {**_FLAG, "description": "True where there is nothing to do."},
                "counts": {
                    "description": "Changes by action; what only may follow counts as `follow`.",
                    "type": "object",
                    "propertyNames": {"enum": [*map(str, Action), "follow"]},
                    "additionalProperties": _COUNT,
                },
                "totals": _object({
                    "seconds": {**_NUMBER, "description": "Along the longest chain of changes."},
                    "gpu_hours": _NUMBER, "cost": _MAYBE_NUMBER, "runs": _COUNT, "unknown": _COUNT,
                }),
                "warnings": {"type": "array", "items": _TEXT},
                "skipped": {
                    "type": "object", "additionalProperties": _TEXT,
                    "description": "Addresses that the spec switches off, and why.",
                },
                "policies": {"type": "array", "items": _object({
                    "name": _TEXT, "effect": {"enum": ["deny", "warn"]}, "message": _TEXT, "place": _MAYBE_TEXT,
                })},
                "changes": {"type": "array", "items": {"$ref": "#/$defs/change"}},
                "objects": {
                    "type": "array", "items": {"$ref": "#/$defs/object"},
                    "description": "What is not as wanted of the objects that a cluster keeps beside them.",
                },
            }
        ),
        "$defs": {"change": _change(), "reason": _reason(), "object": _cluster_object()},
    }  # fmt: skip


def _change() -> dict[str, Any]:
    estimate = _object({"seconds": _NUMBER, "gpu_hours": _NUMBER, "cost": _MAYBE_NUMBER, "runs": _COUNT})
    return _object(
        {
            "address": {**_TEXT, "examples": ["training.detector"]},
            "kind": _TEXT,
            "role": {"enum": ["task", "service"]},
            "action": {"enum": [*map(str, Action)]},
            "certain": {**_FLAG, "description": "False: done only if an input's digest changes."},
            "fingerprint": {**_MAYBE_TEXT, "description": "Null while it is known after apply only."},
            "after": {"type": "array", "items": _TEXT, "description": "The changes it waits for."},
            "reasons": {"type": "array", "items": {"$ref": "#/$defs/reason"}},
            "estimate": {"anyOf": [{"type": "null"}, estimate]},
            "detail": _TEXT,
            "summary": _TEXT,
        }
    )


def _reason() -> dict[str, Any]:
    return _object(
        {
            "kind": {"enum": [*get_args(ReasonKind)]},
            "what": _TEXT,
            "before": _MAYBE_TEXT,
            "after": _MAYBE_TEXT,
            "note": _TEXT,
            "place": {**_MAYBE_TEXT, "examples": ["mlops.yaml:18"]},
            "text": {**_TEXT, "description": "The whole reason as a person reads it."},
        }
    )


def _cluster_object() -> dict[str, Any]:
    field = _object(
        {
            "field": {**_TEXT, "examples": [".spec.replicas"]},
            "before": {"description": "Null where there is nothing; a Secret's values are never shown."},
            "after": {},
            "drift": {**_FLAG, "description": "True: it is not as the last apply left it."},
            "manager": {**_MAYBE_TEXT, "description": "Who changed it, where the cluster tells."},
            "at": _MAYBE_TEXT,
        }
    )
    return _object(
        {
            "title": {**_TEXT, "examples": ["Deployment flights-prod-serving-api"]},
            "address": {**_MAYBE_TEXT, "description": "Null for what the whole environment shares."},
            "action": {"enum": ["create", "update", "delete"]},
            "fields": {"type": "array", "items": field},
        }
    )


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def schema_text() -> str:
    return json.dumps(plan_schema(), indent=2, ensure_ascii=False) + "\n"
