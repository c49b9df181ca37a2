"""The published schema is fresh, complete, and takes what the loader takes: checked by a validator not of ours."""

# ruff: noqa: E501 - a case a line reads as a table

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from modelyard.spec.schema import spec_schema

ROOT = Path(__file__).parents[3]
SPECS = sorted([*ROOT.glob("specs/*.yaml"), *ROOT.glob("examples/*/mlops.yaml")])
LINE = "version: 1\nproject: p\n"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = spec_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_published_schema_is_fresh() -> None:
    published = json.loads((ROOT / "schemas/mlops.v1.json").read_text())
    assert published == spec_schema(), "run `modelyard schema --write schemas`"


@pytest.mark.parametrize("path", SPECS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_spec_here_is_valid(validator: Draft202012Validator, path: Path) -> None:
    assert [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text()))] == []


@pytest.mark.parametrize(
    "text",
    [
        "target: local", "target: {local: {}}", "x-own: {a: 1}", "store: data/store", "variables: {n: 3, m: {type: int}}",
        "steps: {s: {run: [python, a.py, 3], outputs: [a], retries: 2, timeout: 15m, x-own: 1}}",
        "steps: {s: {call: 'a:b', outputs: {t: table, u: {type: files}}, foreach: [1, 2], timeout: '${var.t}'}}",
        "sources: {a: {type: table, path: a.csv, key: id, split: {train: 70%, test: 0.3, by: time}}}",
        "features: {w: {source: sources.a, entity: o, columns: {a: b, c: {sum: d, over: 6h}}}}",
        "training: {t: {data: sources.a, engine: sklearn, model: Ridge, target: y, params: {alpha: '${var.a}'}, evaluate: 'sources.a:test'}}",
        "training: {t: {data: sources.a, engine: sklearn, target: {y: a > 1}}}",
        "tuning: {t: {training: training.t, maximize: r2, space: {a: [1, 2], b: {from: 1, to: 2}}}}",
        "registry: {m: {from: training.t, gate: a > 1, promote: {staging: auto, production: {approvals: 1}}}}",
        "serving: {a: {model: 'registry.m@7', replicas: 2, batch: 8, auth: '${secret.T}', port: '${var.port}'}}",
        "monitoring: {m: {data: serving.a, reference: sources.a, window: 50 predictions, checks: [DataDriftPreset]}}",
        "tracking: {ui: true}", "tracking: {ui: 5001, mirrors: tensorboard}", "pipeline: {schedule: '0 3 * * 1'}",
        "environments: {dev: {target: local, serving: {a: {port: null}}, steps: {s: null}}, prod: null}",
    ],
)  # fmt: skip
def test_short_and_long_forms_are_valid(validator: Draft202012Validator, text: str) -> None:
    assert [error.message for error in validator.iter_errors(yaml.safe_load(LINE + text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "strps: {}", "steps: {s: {rn: a}}", "steps: {S: {run: a}}", "steps: {s: {run: a, timeout: 5 parsecs}}",
        "sources: {a: {path: a}}", "sources: {a: {type: tble, path: a}}", "sources: {a: {type: table, split: {tran: 1}}}",
        "training: {t: {data: a b, engine: sklearn}}", "training: {t: {data: sources.a, engine: sklern}}",
        "expectations: {e: {data: sources.a, expect: [expect_nothing]}}",
        "expectations: {e: {data: sources.a, expect: [{expect_column_to_exist: {colum: a}}]}}",
        "serving: {a: {model: registry.m, port: 99999}}", "environments: {dev: {strps: {}}}", "version: 2",
    ],
)  # fmt: skip
def test_mistakes_are_seen(validator: Draft202012Validator, text: str) -> None:
    assert not validator.is_valid(yaml.safe_load(text if text.startswith("version") else LINE + text))


def test_what_extends_may_leave_out_what_the_base_has(validator: Draft202012Validator) -> None:
    spec = "version: 1\nextends: [modelyard:startup]\nsources: {data: {type: images, timestamp: null}}\n"
    assert validator.is_valid(yaml.safe_load(spec))
    assert not validator.is_valid(yaml.safe_load(spec + "trainin: {}\n"))


def _properties(schema: Any) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name, table in schema["$defs"].items():
        for key, one in table.get("properties", {}).items():
            if not name.endswith("Check"):
                found.append((f"{name}.{key}", one))
    return found


def test_every_key_has_words_for_people() -> None:
    schema = spec_schema()
    silent = [name for name, one in _properties(schema) if not (one.get("description") and one.get("examples"))]
    assert silent == []
    assert all("markdownDescription" in one for _, one in _properties(schema))


def test_defaults_are_told() -> None:
    definitions = spec_schema()["$defs"]
    assert definitions["Endpoint"]["properties"]["port"]["default"] == 8080
    assert definitions["RegisteredModel"]["properties"]["promote"]["default"] == {"production": "auto"}
    assert definitions["Spec"]["properties"]["tracking"]["default"]["uri"].startswith("sqlite")
