"""`steps`: one way to run, a loop over something that is there, code that exists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelyard.spec.checks.code import Code
from modelyard.spec.checks.expressions import check_condition
from modelyard.spec.checks.findings import Findings

if TYPE_CHECKING:
    from modelyard.spec.model.steps import Step

FOREACH_LIMIT = 10_000
"""Each item is a node with a process and a record of its own: minutes of a plan, hours of an apply, beyond that."""

_INPUT = re.compile(r"\$?\{?inputs\.([a-z0-9][a-z0-9_-]*)\}?$")


def check_steps(findings: Findings, code: Code) -> None:
    variables = list(findings.spec.variables)
    for name, step in findings.spec.steps.items():
        if (step.run is None) == (step.call is None):
            _one_way(findings, name, step)
        elif step.run is not None:
            code.check_command(("steps", name, "run"), step.run)
        elif step.call is not None:
            code.check_call(("steps", name, "call"), step.call)
        if step.foreach is not None or step.join is not None:
            _check_loop(findings, code, name, step)
        if step.when is not None:
            known = {
                "params": list(step.params),
                "var": variables,
                **({"item": None} if step.foreach is not None else {}),
            }
            check_condition(findings, ("steps", name, "when"), step.when, known)


def _one_way(findings: Findings, name: str, step: Step) -> None:
    if step.run is None:
        fix = "Add `run: python make.py` or `call: module:function`"
        findings.add(("steps", name), "has neither `run` nor `call`", fix, "step", key=True)
    else:
        findings.add(("steps", name, "call"), "has both `run` and `call`", "Keep one of the two", "step", key=True)


def _check_loop(findings: Findings, code: Code, name: str, step: Step) -> None:
    if step.foreach is None:
        findings.add(
            ("steps", name, "join"),
            "`join` without `foreach`",
            "Add `foreach`: a list, or `inputs.NAME`",
            "foreach",
            key=True,
        )
    elif isinstance(step.foreach, str):
        match = _INPUT.match(step.foreach)
        if not match or match[1] not in step.inputs:
            known = [f"inputs.{port}" for port in step.inputs]
            what = f"`{step.foreach}` is nothing to loop over"
            if known:
                findings.unknown(
                    ("steps", name, "foreach"), step.foreach, what, known, kind="A list, or", code="foreach"
                )
            else:
                findings.add(("steps", name, "foreach"), what, "Write a list, or an input of this step", "foreach")
    elif not step.foreach:
        findings.add(("steps", name, "foreach"), "the list is empty", "Name at least one item", "foreach")
    elif len(step.foreach) > FOREACH_LIMIT:
        what = f"the list has {len(step.foreach):,} items, and {FOREACH_LIMIT:,} are allowed: each becomes a task"
        fix = "Loop over batches of them, or over the files of an input (`foreach: inputs.NAME`), which is one task"
        findings.add(("steps", name, "foreach"), what, fix, "foreach", key=True)
    if step.foreach is not None and not step.outputs:
        fix = "Give it an output, or take `foreach` away"
        findings.add(
            ("steps", name, "foreach"), "a step with `foreach` needs an output for its parts", fix, "foreach", key=True
        )
    if isinstance(step.foreach, list) and len(step.outputs) > 1:
        findings.add(
            ("steps", name, "outputs"),
            "a step with `foreach` has one output",
            "Make steps of them",
            "foreach",
            key=True,
        )
    if step.join is not None:
        code.check_call(("steps", name, "join"), step.join)
