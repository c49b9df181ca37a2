"""`serving.*.rollout`: where it is done, and what is wrong with one."""

from pathlib import Path

import pytest

from modelyard.errors import ErrorGroup
from modelyard.spec import load_spec

SPEC = """\
version: 1
project: p
target: {kubernetes: {namespace: ml, store: 10Gi, OPERATORS}}
sources: {a: {type: table, path: "s3://bucket/a.parquet"}}
training: {late: {data: sources.a, columns: [x], target: y, engine: sklearn, model: Ridge}}
registry: {late: {from: training.late}}
serving: {api: {model: registry.late, rollout: ROLLOUT}}
"""
KSERVE = "operators: {serving: kserve}"
GOOD = "{steps: [5%, 25%, 50%], every: 10m, back_if: [error_rate > 0.01, p99_ms > 50 && requests >= 100]}"


def mistakes(folder: Path, rollout: str = GOOD, operators: str = KSERVE) -> dict[str, str]:
    (folder / "mlops.yaml").write_text(SPEC.replace("OPERATORS", operators).replace("ROLLOUT", rollout))
    try:
        load_spec(folder / "mlops.yaml")
    except ErrorGroup as group:
        return {str(one.address): one.what for one in group.errors}
    return {}


def test_kserve_rolls_out(tmp_path: Path) -> None:
    assert mistakes(tmp_path) == {}


@pytest.mark.parametrize("operators", ["operators: {}", "operators: {serving: seldon}"])
def test_nothing_else_does_yet(tmp_path: Path, operators: str) -> None:
    assert mistakes(tmp_path, operators=operators) == {"serving.api.rollout": "rollout step by step: not supported yet"}


@pytest.mark.parametrize(
    ("rollout", "at", "what"),
    [
        ("{steps: [5%, 2.5%]}", "steps[1]", "a whole number of percent from 1% to 99%, not 2.5%"),
        ("{steps: [50%, 100%]}", "steps[1]", "not 100%"),
        ("{steps: [25%, 5%]}", "steps[1]", "has 25% already"),
        ("{steps: [5%], every: 0s}", "every", "needs time"),
        ("{steps: [5%], back_if: [error_rat > 0.1]}", "back_if[0]", "`error_rat` is not known here"),
        ("{steps: [5%], back_if: p95_ms > 0.1}", "back_if", "`p95_ms` is not known here"),
        ("{steps: [5%], back_if: [error_rate >]}", "back_if[0]", "not a CEL condition"),
    ],
)
def test_what_leads_nowhere(tmp_path: Path, rollout: str, at: str, what: str) -> None:
    ((address, said),) = mistakes(tmp_path, rollout).items()
    assert address.startswith(f"serving.api.rollout.{at}")
    assert what in said


def test_a_way_past_the_gateway_would_share_no_requests(tmp_path: Path) -> None:
    way = f"{KSERVE}, expose: {{domain: models.example.com, ingress: nginx}}"
    assert "KServe's own gateway" in mistakes(tmp_path, operators=way)["serving.api.rollout"]
