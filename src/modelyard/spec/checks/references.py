"""Every address in the spec: does it exist, does it fit, does anything wait for itself."""

from modelyard.spec.checks.addresses import DATA, Addresses
from modelyard.spec.checks.findings import Findings
from modelyard.spec.values import SECTIONS

_READABLE = (*DATA, "training", "tuning", "registry", "expectations")


def check_references(findings: Findings, addresses: Addresses) -> None:
    spec = findings.spec
    look_up = addresses.look_up
    for name, step in spec.steps.items():
        for port, text in step.inputs.items():
            look_up(("steps", name, "inputs", port), text, _READABLE)
    for name, source in spec.sources.items():
        if source.path and is_address(source.path):
            look_up(("sources", name, "path"), source.path, ("steps", "sources"))
    for name, expectation in spec.expectations.items():
        look_up(("expectations", name, "data"), expectation.data, (*DATA, "serving"))
    for name, view in spec.features.items():
        look_up(("features", name, "source"), view.source, ("sources",))
    for name, training in spec.training.items():
        look_up(("training", name, "data"), training.data, ("sources", "steps"))
        for index, text in enumerate(training.features):
            look_up(("training", name, "features", index), text, ("features",))
        if training.evaluate.data:
            look_up(("training", name, "evaluate", "data"), training.evaluate.data, ("sources", "steps"))
    for name, study in spec.tuning.items():
        look_up(("tuning", name, "training"), study.training, ("training",))
    for name, model in spec.registry.items():
        look_up(("registry", name, "from"), model.from_, ("training", "tuning"))
    _check_services(findings, addresses)
    for index, text in enumerate(spec.pipeline.triggers):
        look_up(("pipeline", "triggers", index), text, ("sources",))


def _check_services(findings: Findings, addresses: Addresses) -> None:
    spec = findings.spec
    look_up = addresses.look_up
    for name, endpoint in spec.serving.items():
        look_up(("serving", name, "model"), endpoint.model, ("registry",))
        if endpoint.shadow:
            look_up(("serving", name, "shadow"), endpoint.shadow, ("registry",))
    for name, monitor in spec.monitoring.items():
        look_up(("monitoring", name, "data"), monitor.data, ("serving", "sources"))
        look_up(("monitoring", name, "reference"), monitor.reference, ("sources", "steps"))
        for number, rule in enumerate(monitor.when):
            for index, action in enumerate(rule.then):
                if action.run:
                    at = ("when", number, "then", index, "run")
                    # a rule acts later: it reads nothing, so it makes no cycle
                    Addresses(findings).look_up(("monitoring", name, *at), action.run, SECTIONS, part=False)


def is_address(path: str) -> bool:
    """Whether a source's `path` names a thing of the spec: `steps.tidy:table`, not a file in a folder."""
    section, dot, rest = path.partition(".")
    return bool(dot) and section in SECTIONS and "/" not in rest


def check_cycles(findings: Findings, addresses: Addresses) -> None:
    """Each cycle once, named in full at one of the addresses that close it."""
    edges = addresses.edges
    done: set[str] = set()
    for start in edges:
        path: list[str] = []
        on_path: dict[str, int] = {}
        stack = [(start, iter(edges.get(start, ())))] if start not in done else []
        while stack:
            node, below = stack[-1]
            if node not in on_path:
                on_path[node] = len(path)
                path.append(node)
            for target, at in below:
                if target in on_path:
                    cycle = [*path[on_path[target] :], target]
                    shown = [*cycle[:6], "…", *cycle[-3:]] if len(cycle) > 10 else cycle
                    what = f"waits for itself: {' → '.join(shown)}"
                    findings.add(at, what, "Take one of these addresses away", "cycle")
                elif target not in done:
                    stack.append((target, iter(edges.get(target, ()))))
                    break
            else:
                stack.pop()
                path.pop()
                del on_path[node]
                done.add(node)
