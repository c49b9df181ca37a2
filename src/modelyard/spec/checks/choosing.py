"""`tuning` and `registry`: objectives, spaces and gates over what a training has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.spec.catalog.engines import engine_facts
from modelyard.spec.cel import Name
from modelyard.spec.checks.addresses import take_apart
from modelyard.spec.checks.expressions import check_condition
from modelyard.spec.checks.findings import At, Findings
from modelyard.spec.checks.learning import check_parameter, metrics_of

if TYPE_CHECKING:
    from modelyard.spec.model.registry import RegisteredModel
    from modelyard.spec.model.training import Training
    from modelyard.spec.model.tuning import RangeSettings, Study

_GATE_NAMES = ("metrics", "champion", "slices", "size", "latency")


def check_tuning(findings: Findings) -> None:
    for name, study in findings.spec.tuning.items():
        at: At = ("tuning", name)
        _check_objectives(findings, at, study)
        for parameter, space in study.space.items():
            _check_range(findings, (*at, "space", parameter), space, study.sampler)
        training = _training_of(findings, study.training)
        if training is None or engine_facts(training.engine) is None:
            continue
        for parameter in study.space:
            check_parameter(findings, (*at, "space", parameter), training, parameter)
        known = metrics_of(training)
        for metric, direction in study.objectives.items():
            if known is not None and metric not in known and metric != "latency_ms":
                where = (
                    (*at, direction)
                    if direction in findings.loaded.tree["tuning"][name]
                    else (*at, "objectives", metric)
                )
                what = f"`{metric}` is not a metric of {study.training}"
                findings.unknown(where, metric, what, known, kind="It has", code="metric", key=where[-1] == metric)


def _check_objectives(findings: Findings, at: At, study: Study) -> None:
    if not study.objectives:
        findings.add(at, "says neither `maximize` nor `minimize`", "Add `maximize: METRIC`", "objective", key=True)
    elif study.maximize or study.minimize:
        key = "maximize" if study.maximize else "minimize"
        findings.add((*at, key), f"has both `{key}` and `objectives`", "Keep one of the two", "objective", key=True)


def _check_range(findings: Findings, at: At, space: RangeSettings, sampler: str) -> None:
    if space.choices is not None:
        if space.from_ is not None or space.to is not None:
            findings.add(at, "has both a range and `choices`", "Keep one of the two", "range", key=True)
        return
    if space.from_ is None or space.to is None:
        findings.add(
            at, "needs both `from` and `to`", "Write `{from: 0.01, to: 0.3}` or a list of choices", "range", key=True
        )
    elif space.from_ >= space.to:
        findings.add((*at, "to"), f"`to` ({space.to}) is not larger than `from` ({space.from_})", "", "range")
    elif space.log and space.from_ <= 0:
        findings.add((*at, "from"), "a logarithmic scale begins above 0", "", "range")
    elif space.log and space.step is not None:
        findings.add((*at, "step"), "a logarithmic scale has no steps", "Take `step` or `log` away", "range", key=True)
    elif sampler == "grid" and not space.whole and space.step is None:
        findings.add(at, "sampler grid needs choices, or a `step`", "", "range", key=True)


def check_registry(findings: Findings) -> None:
    for name, model in findings.spec.registry.items():
        training = _training_of(findings, model.from_)
        _check_gate(findings, name, model, metrics_of(training) if training else None)


def _check_gate(findings: Findings, name: str, model: RegisteredModel, metrics: tuple[str, ...] | None) -> None:
    known = {"metrics": metrics, "champion": metrics, **dict.fromkeys(("slices", "size", "latency"))}

    def describe(selected: Name) -> tuple[str, str]:
        return f"`{selected.path[1]}` is not a metric of {model.from_}", "It has"

    for index, condition in enumerate(model.gate):
        at: At = ("registry", name, "gate", index)
        check_condition(findings, at, condition, known, describe)


def _training_of(findings: Findings, address: str) -> Training | None:
    """The training at an address, or behind the study there."""
    named = take_apart(address)
    if named and named.section == "tuning" and named.name in findings.spec.tuning:
        named = take_apart(findings.spec.tuning[named.name].training)
    return findings.spec.training.get(named.name) if named and named.section == "training" else None
