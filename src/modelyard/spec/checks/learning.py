"""`features`, `training`, `tuning`, `registry`: engines, their parameters, columns, and metrics that are produced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.nearest import did_you_mean
from modelyard.spec.catalog.engines import (
    ENGINES,
    ONLY_SOME,
    EngineFacts,
    engine_facts,
    engine_names,
    models,
    parameters,
    task,
)
from modelyard.spec.catalog.metrics import METRICS
from modelyard.spec.checks.addresses import Addresses, take_apart
from modelyard.spec.checks.code import Code
from modelyard.spec.checks.findings import Findings
from modelyard.spec.checks.schemas import Schemas
from modelyard.spec.unsupported import ENGINES_TO_COME

if TYPE_CHECKING:
    from modelyard.spec.model.training import Training


def metrics_of(training: Training) -> tuple[str, ...] | None:
    """The metrics that the training's evaluation produces; None where only its code knows."""
    known = METRICS.get(task(training.engine, training.model, training.task) or "")
    own = training.evaluate.metrics
    return own if own and (known is None or set(own) <= set(known)) else known


def check_training(findings: Findings, addresses: Addresses, code: Code, schemas: Schemas) -> None:
    for name, training in findings.spec.training.items():
        if training.engine in ENGINES_TO_COME:
            continue
        engine = engine_facts(training.engine)
        if engine is None:
            at = ("training", name, "engine")
            findings.unknown(
                at,
                training.engine,
                f"there is no engine `{training.engine}`",
                engine_names(),
                kind="Engines",
                code="engine",
            )
            continue
        _check_keys(findings, name, training, engine)
        _check_model(findings, name, training)
        _check_parameters(findings, name, training)
        _check_metrics(findings, name, training)
        _check_data(findings, addresses, schemas, name, training, engine)
        if training.call:
            code.check_call(("training", name, "call"), training.call)
        if training.run:
            code.check_command(("training", name, "run"), training.run)


def _check_keys(findings: Findings, name: str, training: Training, engine: EngineFacts) -> None:
    for key in engine.needs:
        if not getattr(training, key):
            from modelyard.spec.fields import description
            from modelyard.spec.model import Spec

            fix = description(("training", name, key), Spec)
            findings.add(
                ("training", name),
                f"`{key}` is missing: engine {training.engine} needs it",
                fix,
                "missing-key",
                key=True,
            )
    for key in ONLY_SOME:
        if getattr(training, key) and key not in engine.own:
            takers = ", ".join(other for other, facts in ENGINES.items() if key in facts.own)
            what = f"`{key}` means nothing to engine {training.engine}"
            findings.add(("training", name, key), what, f"It is for: {takers}", "engine-key", key=True)


def _check_model(findings: Findings, name: str, training: Training) -> None:
    known = models(training.engine)
    if known and training.model and training.model not in known:
        what = f"{training.engine} has no `{training.model}`"
        findings.unknown(("training", name, "model"), training.model, what, known, kind="It has", code="model")
    if (
        training.engine == "sklearn"
        and training.task
        and training.task != task(training.engine, training.model, training.task)
    ):
        findings.add(
            ("training", name, "task"), f"`{training.model}` does not {training.task}", "Take `task` away", "task"
        )
    if training.engine in ("torch", "command") and training.task is None:
        fix = "Add `task: detect`, `classify` or `regress`"
        findings.add(
            ("training", name), f"`task` is missing: engine {training.engine} cannot tell", fix, "missing-key", key=True
        )


def _check_parameters(findings: Findings, name: str, training: Training) -> None:
    for parameter in training.params:
        check_parameter(findings, ("training", name, "params", parameter), training, parameter)


def check_parameter(findings: Findings, at: tuple[str | int, ...], training: Training, parameter: str) -> None:
    known = parameters(training.engine, training.model)
    if known is None or parameter in known:
        return
    managed = dict(ENGINES[training.engine].managed)
    of = training.model if training.engine == "sklearn" else training.engine
    if parameter in managed:
        key = managed[parameter]
        findings.add(
            at,
            f"`{parameter}` is set by Modelyard",
            f"Use `{key}` of the training" if key else "Take it away",
            "parameter",
            key=True,
        )
    else:
        what = f"`{parameter}` is not a parameter of {of}"
        findings.unknown(at, parameter, what, known, kind="It has", code="parameter", key=True)


def _check_metrics(findings: Findings, name: str, training: Training) -> None:
    known = METRICS.get(task(training.engine, training.model, training.task) or "")
    for index, metric in enumerate(training.evaluate.metrics if known else ()):
        if metric not in (known or ()):
            at = ("training", name, "evaluate", "metrics", index)
            what = f"`{metric}` is not a metric that training.{name} has"
            findings.unknown(at, metric, what, known or (), kind="It has", code="metric")


def _check_data(
    findings: Findings, addresses: Addresses, schemas: Schemas, name: str, training: Training, engine: EngineFacts
) -> None:
    named = take_apart(training.data)
    if (
        named is None
        or named.name not in getattr(findings.spec, named.section, {})
        or named.section not in ("sources", "steps")
    ):
        return
    at = ("training", name)
    kind = addresses.data_type(named)
    if kind and kind not in engine.learns_from and kind != "sql":
        wanted = " or ".join(engine.learns_from)
        what = f"engine {training.engine} learns from {wanted}, and `{training.data}` holds {kind}"
        findings.add((*at, "data"), what, "", "engine-data")
        return
    for key in ("columns", "features", "target"):
        if kind in ("images", "files") and getattr(training, key):
            findings.add(
                (*at, key),
                f"`{key}` is for tables, and `{training.data}` holds {kind}",
                "Take it away",
                "engine-data",
                key=True,
            )
    if training.features and named.section == "sources" and not findings.spec.sources[named.name].timestamp:
        fix = f"Add `timestamp: COLUMN` to {named.node}"
        findings.add(
            (*at, "features"),
            f"features are joined as known at each row's time, and {named.node} has no timestamp",
            fix,
            "timestamp",
            key=True,
        )
    columns = schemas.of(named)
    if columns is None:
        return
    for index, column in enumerate(training.columns):
        schemas.check((*at, "columns", index), column, columns, named.node)
    if training.target:
        where = (
            (*at, "target") if training.target.name == training.target.sql else (*at, "target", training.target.name)
        )
        schemas.check_sql(where, training.target.sql, columns, named.node)
    for index, column in enumerate(training.evaluate.slices):
        schemas.check((*at, "evaluate", "slices", index), column, columns, named.node)
    for index, text in enumerate(training.features):
        view = findings.spec.features.get((take_apart(text) or named).name)
        for entity in view.entity if view else ():
            if entity not in columns:
                what = f"is joined on `{entity}`, which is not a column of {named.node}"
                findings.add((*at, "features", index), what, did_you_mean(entity, columns, "It has"), "column")


def check_features(findings: Findings, schemas: Schemas) -> None:
    for name, view in findings.spec.features.items():
        named = take_apart(view.source)
        source = findings.spec.sources.get(named.name) if named and named.section == "sources" else None
        if source is None or named is None:
            continue
        if source.type not in ("table", "sql"):
            findings.add(
                ("features", name, "source"),
                f"features are made of tables, and `{view.source}` holds {source.type}",
                "",
                "engine-data",
            )
            continue
        columns = schemas.of(named)
        for key, column in view.columns.items():
            at = ("features", name, "columns", key)
            if (column.sql is None) == (column.agg is None):
                fix = "Write a column, an expression, or `{sum: column, over: 6h}`"
                findings.add(at, "is neither a column nor a window", fix, "feature", key=True)
            elif column.agg and (column.over is None or column.column is None):
                findings.add(
                    at,
                    "a window needs a column and a length",
                    f"Write `{{{column.agg}: column, over: 6h}}`",
                    "feature",
                    key=True,
                )
            elif columns:
                schemas.check_sql(at, column.sql or column.column or "", columns, named.node)
        if not (view.timestamp or source.timestamp):
            fix = f"Add `timestamp: COLUMN` here or to {named.node}"
            findings.add(
                ("features", name), "features need to know when each row became known", fix, "timestamp", key=True
            )
        for index, entity in enumerate(view.entity if columns else ()):
            schemas.check(("features", name, "entity", index), entity, columns or (), named.node)
