"""What stands around the graph: policies, secrets, the target, ports."""

from modelyard.spec.checks.expressions import check_condition
from modelyard.spec.checks.findings import Findings

PLAN_NAMES = (
    "gpu_hours", "seconds", "cost", "project", "environment", "target", "creates", "reruns", "restores", "updates",
    "replaces", "deletes", "follows", "unchanged", "changes",
)  # fmt: skip
GRAPH_NAMES = ("project", "environment", "target", "nodes")
"""What policies can ask about; a test compares these with `plan.policies`."""


def check_around(findings: Findings) -> None:
    spec = findings.spec
    known = {"plan": PLAN_NAMES, "graph": GRAPH_NAMES}
    for name, policy in spec.policies.items():
        if (policy.deny is None) == (policy.warn is None):
            fix = "Keep one of the two" if policy.deny else "Add `deny: plan.gpu_hours > 8`"
            findings.add(("policies", name), "a policy says one of `deny` and `warn`", fix, "policy", key=True)
        for key, condition in (("deny", policy.deny), ("warn", policy.warn)):
            if condition is not None:
                check_condition(findings, ("policies", name, key), condition, known)
    for name, place in spec.secrets.items():
        told = [key for key in type(place).model_fields if getattr(place, key) is not None]
        if len(told) != 1:
            fix = "Keep one" if told else "Write `{file: …}`"
            findings.add(("secrets", name), "a secret lives in one place", fix, "secret", key=True)
    _check_target(findings)
    _check_ports(findings)


def _check_target(findings: Findings) -> None:
    target = findings.spec.target
    told = [key for key in type(target).model_fields if getattr(target, key) is not None]
    if len(told) != 1:
        fix = f"Keep one of {', '.join(told)}" if told else "Write `target: local`"
        findings.add(("target",), "names one target", fix, "target", key=True)


def _check_ports(findings: Findings) -> None:
    """Two servers of one project cannot listen on the same port of one machine."""
    taken: dict[int, str] = {}
    if findings.spec.target.local is None:
        return
    for name, endpoint in findings.spec.serving.items():
        other = taken.setdefault(endpoint.port, name)
        if endpoint.port and other != name:
            findings.add(
                ("serving", name, "port"),
                f"port {endpoint.port} is taken by serving.{other}",
                "Take another, or 0 for a free one",
                "port",
            )
        replicas = endpoint.replicas
        if replicas.min > replicas.max:
            findings.add(("serving", name, "replicas"), "`min` is larger than `max`", "", "replicas")
