"""`training.x.features`: rows ready to learn from: columns, target, and features as known at each row's time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.steps.base import StepContext, StepResult
from modelyard.steps.data.parquet import read_schema, read_table, write_table
from modelyard.steps.data.pointintime import AT, View, numbers
from modelyard.steps.data.sql import arrow, check_expression, connect, instants, need_columns, quote
from modelyard.steps.features import features_at
from modelyard.wording import counted

_ROW = "__row"


def run(ctx: StepContext) -> StepResult:
    """Make each split ready: row order stays, rows without a target go, and how many is told.

    Raises ModelyardError for columns that are not there, SQL that is none, and names that stand for two things.
    """
    ports = [port for port in ctx.inputs if not port.startswith("view_")]
    dropped, kept, warnings = {}, {}, list[str]()
    for number, port in enumerate(ports):
        table, lost, notes = _ready(ctx, port)
        warnings += [note for note in notes if note not in warnings]
        write_table(ctx.outputs[port], table, target=(ctx.config.get("target") or {}).get("name"))
        dropped[port], kept[port] = lost, table.num_rows
        ctx.progress(number + 1, len(ports), f"joined {port}")
    summary = (
        ", ".join(f"{port} {rows:,}" for port, rows in kept.items()) + f" rows, {counted(table.num_columns, 'column')}"
    )
    if sum(dropped.values()):
        name = ctx.config["target"]["name"]
        summary += f"; {counted(sum(dropped.values()), 'row')} without `{name}` dropped"
    metrics = {"rows": sum(kept.values()), "dropped": sum(dropped.values())}
    return StepResult(metrics, summary, tuple(warnings), {"dropped": dropped})


def _ready(ctx: StepContext, port: str) -> tuple[Any, int, list[str]]:
    source, config = read_table(ctx.inputs[port]), ctx.config
    timestamp = config.get("timestamp") or read_schema(ctx.inputs[port]).get("timestamp")
    if timestamp:
        need_columns(source, [timestamp], where=f"{ctx.address}.timestamp", what="the timestamp")
        source = instants(source, timestamp, where=ctx.address)
    base, dropped, names, warnings = _base(ctx, source, port, timestamp)
    if not base.num_rows:
        raise ModelyardError(
            f"no row of {port} has a target",
            address=f"{ctx.address.removesuffix('.features')}.target",
            code="empty-table",
            fix="See whether the target's expression is ever anything but null.",
        )
    for feature_view in config.get("features", ()):
        base = _with_view(ctx, base, feature_view, timestamp)
        names += feature_view.get("take") or list(feature_view["columns"])
    return numbers(base.select(names)), dropped, warnings


def _base(ctx: StepContext, source: Any, port: str, timestamp: str | None) -> tuple[Any, int, list[str], list[str]]:
    """Columns, target and what the joins need, of rows that have a target; rows dropped; names; warnings."""
    config, training = ctx.config, ctx.address.removesuffix(".features")
    connection = connect({"source": source.append_column(_ROW, _numbering(source.num_rows))})
    target = config.get("target")
    if target:
        check_expression(connection, _expression(source, target["sql"]), "source", f"{training}.target")
    columns, warnings = _columns(ctx, connection, source, timestamp)
    for name in columns:
        check_expression(connection, _expression(source, name), "source", f"{training}.columns")
    chosen = {name: _expression(source, name) for name in columns}
    if target:
        chosen[target["name"]] = _expression(source, target["sql"])
    kept = [name for name in config.get("keep", {}).get(port, ()) if name not in chosen]
    need_columns(source, kept, where=f"{training}.evaluate.slices", what="the slice")
    chosen |= {name: quote(name) for name in kept}
    _check_names(config, chosen, training)
    selected = ", ".join(f"({expression}\n) AS {quote(name)}" for name, expression in chosen.items())
    entities = sorted({name for view in config.get("features", ()) for name in view["entity"]})
    need_columns(source, entities, where=f"{training}.features", what="the entity")
    joins = "".join(f", {quote(name)} AS {quote(_hidden(name))}" for name in entities)
    joins += f", epoch_us({quote(timestamp)}) AS {AT}" if timestamp else ""
    table = arrow(connection, f"SELECT {selected}{joins}, {_ROW} FROM source ORDER BY {_ROW}", where=training)
    kept_rows = _with_target(table, target["name"]) if target else table
    return kept_rows, table.num_rows - kept_rows.num_rows, list(chosen), warnings


def _columns(ctx: StepContext, connection: Any, source: Any, timestamp: str | None) -> tuple[list[str], list[str]]:
    """The columns named; without any, all but key, timestamp and what the target is made of: it tells the answer."""
    config = ctx.config
    target = config.get("target") or {}
    if config.get("columns"):
        return [name for name in config["columns"] if name != target.get("name")], []
    hidden = {*config.get("key", ()), timestamp, target.get("name")}
    used = _names_in(connection, source, target["sql"]) if target else []
    columns = [name for name in source.column_names if name not in hidden and name not in used]
    leaks = [name for name in used if name != target.get("name")]
    told = [f"not learnt from, because the target is made of it: {', '.join(leaks)}"] if leaks else []
    return columns, told


def _names_in(connection: Any, source: Any, sql: str) -> list[str]:
    """The columns that an expression reads: those without which it is none."""
    if sql in source.column_names:
        return [sql]
    found = []
    for name in source.column_names:
        try:
            check_expression(connection, sql, f"(SELECT * EXCLUDE ({quote(name)}) FROM source)")
        except ModelyardError:
            found.append(name)
    return found


def _expression(source: Any, text: str) -> str:
    return quote(text) if text in source.column_names else text


def _with_target(table: Any, target: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pc.is_valid(table[target])
    if pa.types.is_floating(table.schema.field(target).type):
        known = pc.and_(known, pc.invert(pc.fill_null(pc.is_nan(table[target]), True)))
    return table.filter(known)


def _with_view(ctx: StepContext, base: Any, config: Mapping[str, Any], timestamp: str | None) -> Any:
    address = f"features.{config['name']}"
    if not timestamp:
        raise ModelyardError(
            f"{address} is joined by time, but the training's source names no timestamp",
            address=ctx.address,
            code="timestamp",
            fix="Add `timestamp:` to the source.",
        )
    view = View.of(config, config["name"], address)
    folder: Path = ctx.inputs[config["port"]]
    _check_types(base, folder, view, address)
    hidden = ", ".join(f"{quote(_hidden(name))} AS {quote(name)}" for name in view.entity)
    connection = connect({"base": base})
    requests = arrow(connection, f"SELECT DISTINCT {hidden}, {AT} FROM base WHERE {AT} IS NOT NULL")
    names = list(config.get("take") or config["columns"])
    connection.register("known", features_at(view, names, folder, requests))
    equal = " AND ".join(f"b.{quote(_hidden(name))} = k.{quote(name)}" for name in view.entity)
    features = ", ".join(f"k.{quote(name)}" for name in names)
    return arrow(
        connection,
        f"SELECT b.*, {features} FROM base b LEFT JOIN known k ON {equal} AND b.{AT} = k.{AT} ORDER BY b.{_ROW}",
    )


def _header(folder: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.read_schema(folder / "data.parquet").empty_table()


def _check_types(base: Any, folder: Path, view: View, address: str) -> None:
    import pyarrow as pa

    header = _header(folder)
    for name in view.entity:
        here, there = base.schema.field(_hidden(name)).type, header.schema.field(name).type
        if pa.types.is_string(here) != pa.types.is_string(there):
            raise ModelyardError(
                f"`{name}` is {here} in the rows to learn from and {there} in the view",
                address=f"{address}.entity",
                code="bad-table",
                fix="Make both the same in a step, so that equal means equal.",
            )


def _check_names(config: Mapping[str, Any], chosen: Mapping[str, str], training: str) -> None:
    taken = {name.lower(): f"{training}.columns" for name in chosen}
    for view in config.get("features", ()):
        for name in view.get("take") or view["columns"]:
            other = taken.setdefault(name.lower(), f"features.{view['name']}")
            if other != f"features.{view['name']}":
                raise ModelyardError(
                    f"`{name}` comes from features.{view['name']} and from {other}",
                    address=f"{training}.features",
                    code="two-columns",
                    fix="Give one of them another name, or take single columns: `features.name:column`.",
                )


def _hidden(name: str) -> str:
    return f"__entity_{name}"


def _numbering(rows: int) -> Any:
    import numpy as np
    import pyarrow as pa

    return pa.array(np.arange(rows))
