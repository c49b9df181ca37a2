"""The objects of a cluster in a plan: in every view, and through its JSON."""

import json
from pathlib import Path

import jsonschema

from modelyard.plan.definition import Plan
from modelyard.plan.differences import render_differences
from modelyard.plan.json import plan_from_json, plan_to_json
from modelyard.plan.markdown import render_markdown
from modelyard.plan.objects import FieldChange, ObjectChange
from modelyard.plan.text import render_text

SCALED = FieldChange(".spec.replicas", 5, 1, True, "kubectl-edit", "2026-11-24T10:00:00Z")
IMAGE = FieldChange(".spec.image", "api:1", "api:2")
API = ObjectChange("Deployment flights-prod-serving-api", "serving.api", "update", (SCALED, IMAGE))
OLD = ObjectChange("Service flights-prod-old", None, "delete")
MADE = tuple(ObjectChange(f"{kind} flights-prod-{kind.lower()}", None, "create") for kind in ("A", "B", "C", "D"))


def plan(*objects: ObjectChange) -> Plan:
    return Plan("flights", (), environment="prod", target="kubernetes", objects=objects)


def test_drift_of_an_object_is_something_to_do() -> None:
    assert plan().empty
    assert not plan(API).empty
    assert plan(API).idle


def test_a_terminal_shows_each_field_and_who_changed_it() -> None:
    lines = render_text(plan(API, OLD)).splitlines()
    assert "  ~ Deployment flights-prod-serving-api" in lines
    assert "      .spec.replicas: 5 → 1 (changed by kubectl-edit at 2026-11-24T10:00:00Z)" in lines
    assert '      .spec.image: "api:1" → "api:2"' in lines
    assert "  - Service flights-prod-old" in lines
    assert "Plan: 2 objects of the cluster" in lines


def test_a_first_applys_objects_are_counted_unless_all_are_asked_for() -> None:
    assert "  + 1 A, 1 B, 1 C, 1 D" in render_text(plan(*MADE)).splitlines()
    assert "  + D flights-prod-d" in render_text(plan(*MADE), every=True).splitlines()


def test_a_comment_marks_drift_and_stays_within_its_limit() -> None:
    text = render_markdown(plan(API, OLD, *MADE))
    assert "- `~` `Deployment flights-prod-serving-api`" in text
    assert "  - ⚠️ `.spec.replicas: 5 → 1 (changed by kubectl-edit at 2026-11-24T10:00:00Z)`" in text
    many = render_markdown(plan(*[API] * 300), limit=5000)
    assert len(many) <= 5000
    assert "more left out for length" in many


def test_json_says_the_same_and_comes_back() -> None:
    made = plan(API, OLD)
    data = json.loads(json.dumps(plan_to_json(made)))
    schema = Path(__file__).parents[3] / "schemas" / "plan.v1.json"
    jsonschema.validate(data, json.loads(schema.read_text()))
    assert data["objects"][0]["fields"][0]["manager"] == "kubectl-edit"
    assert plan_from_json(data).objects == made.objects


def test_a_diff_shows_values_whole_on_lines_of_their_own() -> None:
    ports = FieldChange(".spec.ports", [{"port": 80}], None)
    service = ObjectChange("Service flights-prod-api", "serving.api", "update", (SCALED, ports))
    assert render_differences([service, OLD]).splitlines() == [
        "~ Service flights-prod-api  serving.api",
        "    .spec.replicas (changed by kubectl-edit at 2026-11-24T10:00:00Z)",
        "    - 5",
        "    + 1",
        "    .spec.ports",
        "    - [",
        "    -   {",
        '    -     "port": 80',
        "    -   }",
        "    - ]",
        "- Service flights-prod-old",
    ]
    assert render_differences([]) == ""
