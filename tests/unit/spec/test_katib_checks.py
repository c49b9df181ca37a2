"""What `validate -e prod` says of a study that Katib cannot lead."""

from pathlib import Path

import pytest

from modelyard.errors import ErrorGroup
from modelyard.spec import load_spec

SPEC = """\
version: 1
project: p
target: {kubernetes: {namespace: ml, store: 1Gi, operators: {tuning: katib}}}
sources: {a: {type: table, path: 's3://b/a.parquet', split: {train: 70%, val: 15%, test: 15%}}}
training: {late: {data: sources.a, columns: [x], target: y, engine: sklearn, model: Ridge}}
tuning: {late: {training: training.late, STUDY}}
registry: {late: {from: tuning.late}}
"""
SPACE = "minimize: rmse, space: {alpha: {from: 0.1, to: 1}, tol: {from: 0.01, to: 1, log: true}}"


def mistakes(folder: Path, study: str) -> list[tuple[str | None, str]]:
    """Address and words of all that is wrong."""
    (folder / "mlops.yaml").write_text(SPEC.replace("STUDY", study))
    try:
        load_spec(folder / "mlops.yaml")
    except ErrorGroup as group:
        return [(one.address, one.what) for one in group.errors]
    return []


@pytest.mark.parametrize("study", [SPACE, f"{SPACE}, sampler: random, pruner: median, budget: {{trials: 3}}"])
def test_what_katib_can_lead(tmp_path: Path, study: str) -> None:
    assert mistakes(tmp_path, study) == []


@pytest.mark.parametrize(
    ("study", "address", "what"),
    [
        ("objectives: {rmse: minimize, r2: maximize}, space: {alpha: [1, 2]}", "objectives", "by one metric"),
        (f"{SPACE}, sampler: gp", "sampler", "no sampler gp"),
        (f"{SPACE}, pruner: hyperband", "pruner", "no pruner hyperband"),
        (f"{SPACE}, budget: {{time: 30m}}", "budget.time", "no bound of time"),
        (f"{SPACE}, sampler: cmaes", "space.tol.log", "cmaes knows no logarithmic scale"),
        (f"{SPACE}, sampler: qmc", "space.tol.log", "sobol knows no logarithmic scale"),
        ("minimize: rmse, sampler: cmaes, space: {alpha: {from: 0.1, to: 1}}", "sampler", "two parameters at least"),
        ("minimize: rmse, space: {alpha+: [1, 2]}", "space", "no name of a parameter"),
    ],
)
def test_what_it_cannot_is_refused_at_its_line(tmp_path: Path, study: str, address: str, what: str) -> None:
    told = [where for where, words in mistakes(tmp_path, study) if what in words]
    assert [where and where.startswith(f"tuning.late.{address}") for where in told] == [True]
