"""What the language has and this version does not do: refused at its line, never ignored. The README lists it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelyard.spec.catalog.engines import TOGETHER

if TYPE_CHECKING:
    from modelyard.spec.checks.findings import At, Findings
    from modelyard.spec.model import Spec

Places = Iterator["tuple[At, str]"]
"""Where it is used, and the words for it there."""

ENGINES_TO_COME = ("xgboost", "lightgbm", "notebook")
MIRRORS = ("tensorboard",)


@dataclass(frozen=True, slots=True)
class Unsupported:
    """`name` is what the README's list says; `fix` what to do meanwhile."""

    name: str
    places: Callable[["Spec"], Places]
    fix: str = ""


def refuse_unsupported(findings: "Findings") -> None:
    for one in UNSUPPORTED:
        for at, what in one.places(findings.spec):
            findings.add(at, f"{what}: not supported yet", one.fix, "not-supported", key=True)


def _pipeline(spec: "Spec") -> Places:
    if spec.pipeline.schedule and spec.target.kubernetes is None:
        yield ("pipeline", "schedule"), "runs on a schedule"


def _triggers(spec: "Spec") -> Places:
    if spec.pipeline.triggers:
        yield ("pipeline", "triggers"), "runs on new data"


def _concurrency(spec: "Spec") -> Places:
    if spec.pipeline.concurrency > 1:
        yield ("pipeline", "concurrency"), "more than one run of a project at once"


def _sources(spec: "Spec") -> Places:
    for name, source in spec.sources.items():
        if source.type == "sql":
            yield ("sources", name, "type"), "sources of type sql"


def _incremental(spec: "Spec") -> Places:
    for name, source in spec.sources.items():
        if source.incremental:
            yield ("sources", name, "incremental"), "incremental reading"


def _addresses(spec: "Spec") -> "Iterator[tuple[At, str]]":
    for name, step in spec.steps.items():
        for port, text in step.inputs.items():
            yield ("steps", name, "inputs", port), text
    for name, expectation in spec.expectations.items():
        yield ("expectations", name, "data"), expectation.data
    for name, view in spec.features.items():
        yield ("features", name, "source"), view.source
    for name, training in spec.training.items():
        yield ("training", name, "data"), training.data
        if training.evaluate.data:
            yield ("training", name, "evaluate", "data"), training.evaluate.data
    for name, monitor in spec.monitoring.items():
        yield ("monitoring", name, "data"), monitor.data
        yield ("monitoring", name, "reference"), monitor.reference


def _snapshots(spec: "Spec") -> Places:
    for at, text in _addresses(spec):
        if "@" in text and text.startswith("sources."):
            yield at, "a named snapshot of a source (`@`)"


def _served_expectations(spec: "Spec") -> Places:
    for name, expectation in spec.expectations.items():
        if expectation.data.startswith("serving."):
            yield ("expectations", name, "data"), "expectations on what a server is sent"


def _engines(spec: "Spec") -> Places:
    for name, training in spec.training.items():
        if training.engine in ENGINES_TO_COME:
            yield ("training", name, "engine"), f"engine {training.engine}"


def _latency(spec: "Spec") -> Places:
    for name, study in spec.tuning.items():
        if "latency_ms" in study.objectives:
            yield ("tuning", name, "objectives"), "latency as an objective"


def _pruners(spec: "Spec") -> Places:
    for name, study in spec.tuning.items():
        if study.pruner == "threshold":
            yield ("tuning", name, "pruner"), "pruner threshold"


def _approvals(spec: "Spec") -> Places:
    for name, model in spec.registry.items():
        for stage, rule in model.promote.items():
            if rule != "auto":
                yield ("registry", name, "promote", stage), "promotion by approval"


def _rollout(spec: "Spec") -> Places:
    cluster = spec.target.kubernetes
    for name, endpoint in spec.serving.items():
        if endpoint.rollout and (cluster is None or cluster.operators.serving != "kserve"):
            yield ("serving", name, "rollout"), "rollout step by step"


def _shadow(spec: "Spec") -> Places:
    for name, endpoint in spec.serving.items():
        if endpoint.shadow:
            yield ("serving", name, "shadow"), "shadow versions"


def _replicas(spec: "Spec") -> Places:
    for name, endpoint in spec.serving.items():
        if endpoint.replicas.max > 1 and spec.target.kubernetes is None:
            yield ("serving", name, "replicas"), "more than one replica on one machine"


def _mirrors(spec: "Spec") -> Places:
    for index, mirror in enumerate(spec.tracking.mirrors):
        if mirror not in MIRRORS:
            yield ("tracking", "mirrors", index), f"the mirror {mirror}"


def _secrets(spec: "Spec") -> Places:
    for name, place in spec.secrets.items():
        for key in ("keyring", "kubernetes"):
            elsewhere = key == "kubernetes" and spec.target.kubernetes is not None
            if getattr(place, key) is not None and not elsewhere:
                yield ("secrets", name, key), f"secrets from {key}"


def _running(spec: "Spec") -> Places:
    tables = ("steps", "sources", "expectations", "features", "training", "tuning", "registry", "serving", "monitoring")
    if spec.runtime.isolate:
        yield ("runtime", "isolate"), "isolated environments"
    if spec.runtime.image:
        yield ("runtime", "image"), "images in place of packages"
    for section in tables:
        for name, one in getattr(spec, section).items():
            if one.runtime and one.runtime.isolate:
                yield (section, name, "runtime", "isolate"), "isolated environments"
            if one.runtime and one.runtime.image:
                yield (section, name, "runtime", "image"), "images in place of packages"


def _nodes(spec: "Spec") -> Places:
    """Several nodes find each other on Kubernetes only, and of the engines only those that torchrun reaches."""
    for section in ("steps", "training", "tuning"):
        for name, one in getattr(spec, section).items():
            joined = section == "training" and one.engine in TOGETHER and spec.target.kubernetes is not None
            if one.resources and one.resources.nodes > 1 and not joined:
                yield (section, name, "resources", "nodes"), "more than one machine for a task"


def _gpu_type(spec: "Spec") -> Places:
    if spec.target.kubernetes is not None:
        return
    for section in ("steps", "training", "tuning"):
        for name, one in getattr(spec, section).items():
            if one.resources and one.resources.gpu_type:
                yield (section, name, "resources", "gpu_type"), "choosing a GPU by its type"


def _rule_runs(spec: "Spec") -> Places:
    for name, monitor in spec.monitoring.items():
        for number, rule in enumerate(monitor.when):
            for at, action in enumerate(rule.then):
                if action.run:
                    yield ("monitoring", name, "when", number, "then", at, "run"), "a run that a rule starts"


UNSUPPORTED = (
    Unsupported(
        "`pipeline.schedule` on the local and the Compose target",
        _pipeline,
        "Run `modelyard apply` from cron or CI meanwhile",
    ),
    Unsupported("`pipeline.triggers`", _triggers, "Run `modelyard apply` where new data arrives meanwhile"),
    Unsupported("`pipeline.concurrency` above 1", _concurrency, "Set it to 1: a second apply waits with `--lock-wait`"),
    Unsupported("sources of type `sql`", _sources, "Write a step that queries and leaves a table"),
    Unsupported(
        "`sources.*.incremental`", _incremental, "Take it away: all of it is read, and what is unchanged is cached"
    ),
    Unsupported("named snapshots of sources (`sources.x@tag`)", _snapshots, "Take the `@…` away"),
    Unsupported("expectations on `serving.*`", _served_expectations, "Check the source, or use `monitoring`"),
    Unsupported(
        "engines `xgboost`, `lightgbm`, `notebook`", _engines, "Use engine sklearn, or command with a script of yours"
    ),
    Unsupported("pruner `threshold`", _pruners, "Use median or hyperband: they need no bound of their own"),
    Unsupported("`latency_ms` as an objective of a study", _latency, "Use metrics of the evaluation"),
    Unsupported(
        "promotion by approval (`registry.*.promote: {stage: {approvals: …}}`)", _approvals, "Use `auto`, with gates"
    ),
    Unsupported(
        "`serving.*.rollout` but on Kubernetes by `operators: {serving: kserve}`",
        _rollout,
        "Take it away: a promoted version takes all requests at once",
    ),
    Unsupported("`serving.*.shadow`", _shadow, "Serve the other version on a port of its own"),
    Unsupported(
        "more than one replica on the local and the Compose target", _replicas, "Set `max: 1` for this environment"
    ),
    Unsupported("tracking mirrors other than `tensorboard`", _mirrors, "Mirrors here: tensorboard"),
    Unsupported(
        "secrets from `keyring`, and from `kubernetes` on the other targets",
        _secrets,
        "Use an environment variable or `file`",
    ),
    Unsupported("`runtime.isolate` and `runtime.image`", _running, "Use `packages`, and `modelyard lock`"),
    Unsupported(
        "runs that a monitor's rule starts (`monitoring.*.when[].then[].run`)",
        _rule_runs,
        "Use `notify`, and run `modelyard apply`",
    ),
    Unsupported(
        "`resources.gpu_type` on the local and the Compose target",
        _gpu_type,
        "Take it away: this machine's GPUs are used as they come",
    ),
    Unsupported(
        "`resources.nodes` above 1, but for trainings by torch or a command on Kubernetes", _nodes, "Set it to 1"
    ),
)
