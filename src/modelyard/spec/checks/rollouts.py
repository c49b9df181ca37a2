"""`serving.*.rollout`: steps that lead upwards, and conditions over what a server tells of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.spec.checks.expressions import check_condition
from modelyard.spec.checks.findings import At, Findings

if TYPE_CHECKING:
    from modelyard.spec.model.serving import Rollout

MEASURED = {"requests": (), "error_rate": (), "p50_ms": (), "p99_ms": ()}


def check_rollouts(findings: Findings) -> None:
    for name, endpoint in findings.spec.serving.items():
        if endpoint.rollout is not None:
            at: At = ("serving", name, "rollout")
            _check_steps(findings, at, endpoint.rollout)
            _check_way(findings, at)
            for number, condition in enumerate(endpoint.rollout.back_if):
                check_condition(findings, (*at, "back_if", number), condition, MEASURED)


def _check_steps(findings: Findings, at: At, rollout: Rollout) -> None:
    before = 0.0
    for number, share in enumerate(rollout.steps):
        where, percent = (*at, "steps", number), share * 100
        if abs(percent - round(percent)) > 1e-6 or not 1 <= percent <= 99:
            what = f"a step is a whole number of percent from 1% to 99%, not {percent:g}%"
            findings.add(where, what, "All of the requests follow the last step by themselves", "rollout")
        elif percent <= before:
            findings.add(where, f"the step before has {before:g}% already", "Let each be larger", "rollout")
        before = max(before, percent)
    if rollout.every <= 0:
        findings.add((*at, "every"), "a step needs time to be judged in", "Write `10m`", "rollout")


def _check_way(findings: Findings, at: At) -> None:
    """KServe shares requests among revisions behind its own gateway: a way past that would not."""
    expose = findings.spec.target.kubernetes.expose if findings.spec.target.kubernetes else None
    if expose and (expose.ingress or expose.gateway):
        what = "what rolls out is reached by KServe's own gateway and domain, not by `expose`"
        findings.add(at, what, "Take `expose` away, or `rollout`", "rollout", key=True)
