"""`operators: {tuning: katib}`: what Katib cannot do of a study is a mistake at its line, never left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.spec.catalog.katib import LINEAR, PRUNERS, SAMPLERS
from modelyard.spec.checks.findings import At, Findings
from modelyard.trials import NAME

if TYPE_CHECKING:
    from modelyard.spec.model.tuning import Study

_CODE = "katib"


def check_katib(findings: Findings) -> None:
    for name, study in findings.spec.tuning.items():
        at: At = ("tuning", name)
        _check_search(findings, at, study)
        _check_space(findings, at, study)


def _check_search(findings: Findings, at: At, study: Study) -> None:
    if len(study.objectives) > 1:
        fix = "Keep one, and put the others into the registry's `gate`"
        findings.add((*at, "objectives"), "Katib looks for the best by one metric", fix, _CODE, key=True)
    if study.sampler not in SAMPLERS:
        fix = f"It has: {', '.join(SAMPLERS)}"
        findings.add((*at, "sampler"), f"Katib has no sampler {study.sampler}", fix, _CODE)
    if study.pruner not in PRUNERS:
        fix = f"It has: {', '.join(PRUNERS)}"
        findings.add((*at, "pruner"), f"Katib has no pruner {study.pruner}", fix, _CODE)
    if study.budget.time is not None:
        fix = "Take it away: `trials` ends the study, and `timeout` the task"
        findings.add((*at, "budget", "time"), "Katib has no bound of time for a study", fix, _CODE, key=True)


def _check_space(findings: Findings, at: At, study: Study) -> None:
    for name, space in study.space.items():
        where: At = (*at, "space", name)
        if not NAME.fullmatch(name):
            fix = "Use letters, digits, `_`, `-` and `.`, and begin with a letter"
            findings.add(where, f"`{name}` is no name of a parameter for Katib", fix, _CODE, key=True)
        if space.log and study.sampler in LINEAR:
            what = f"Katib's {SAMPLERS[study.sampler]} knows no logarithmic scale"
            findings.add((*where, "log"), what, "Use sampler tpe or random, or take `log` away", _CODE)
    numbers = [one for one in study.space.values() if one.choices is None]
    if study.sampler == "cmaes" and len(numbers) < 2:
        what = "Katib's cmaes needs two parameters at least that are ranges"
        findings.add((*at, "sampler"), what, "Use sampler tpe or random", _CODE)
