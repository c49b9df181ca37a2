"""`features.x`: a feature view's rows.

`data.parquet` has a row for each instant of an entity, windows taken as of that row. `windows.parquet` keeps what the
windows are made of, because a training row asks at its own instant, not at the instant of the last weather report.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.steps.base import StepContext, StepResult
from modelyard.steps.data.parquet import read_table, write_rows, write_table
from modelyard.steps.data.pointintime import AT, SEQUENCE, View, check_windows, keys_of, numbers, points_at, windows_at
from modelyard.steps.data.sql import arrow, check_expression, connect, instants, need_columns, quote
from modelyard.wording import counted

WINDOWS = "windows.parquet"
_CREATED = "created_at"


def run(ctx: StepContext) -> StepResult:
    """Build the view. Raises ModelyardError for columns that are not there and SQL that is none."""
    view = View.of(ctx.config, ctx.address.partition(".")[2], ctx.address)
    source = read_table(ctx.inputs["source"])
    need_columns(source, list(view.entity), where=f"{ctx.address}.entity", what="the entity")
    need_columns(source, [view.timestamp], where=f"{ctx.address}.timestamp", what="the timestamp")
    rows, events = evaluate(view, instants(source, view.timestamp, where=f"{ctx.address}.timestamp"), ctx.address)
    if not rows.num_rows:
        raise ModelyardError("no row has an entity and a time", address=ctx.address, code="empty-table")
    table = as_of_rows(view, rows, events)
    write_table(ctx.outputs["table"], table, key=[*view.entity, view.timestamp], timestamp=view.timestamp)
    if view.windows:
        write_rows(ctx.outputs["table"] / WINDOWS, events)
    return _result(view, source, rows)


def _result(view: View, source: Any, rows: Any) -> StepResult:
    entities = rows.group_by(list(view.entity)).aggregate([]).num_rows
    left = source.num_rows - rows.num_rows
    warnings = (
        (f"{counted(left, 'row')} left out: without entity or time, or replaced by a later row of the same instant",)
        if left
        else ()
    )
    made = f"{counted(len(view.columns), 'feature')} of {counted(entities, 'entity', 'entities')}"
    summary = f"{made}, {counted(rows.num_rows, 'row')}"
    return StepResult({"rows": rows.num_rows, "entities": entities, "features": len(view.columns)}, summary, warnings)


def evaluate(view: View, source: Any, address: str) -> tuple[Any, Any]:
    """Rows (entity, AT, point features), one an instant of an entity, and events (entity, AT, SEQUENCE, raw columns).

    Of two rows of one instant the one created later counts (`created_at`), else the one further down in the file.
    Windows count both, unless `created_at` says that one corrects the other.
    """
    connection = connect({"source": source})
    expressions = {
        name: _expression(source, column.get("sql") or column["column"]) for name, column in view.columns.items()
    }
    for name, expression in expressions.items():
        check_expression(connection, expression, "source", f"{address}.columns.{name}")
    keys, created = keys_of(view), quote(_CREATED) if _CREATED in source.column_names else "NULL"
    known = " AND ".join(f"{quote(name)} IS NOT NULL" for name in (*view.entity, view.timestamp))
    made = "".join(f", ({expression}\n) AS {quote(name)}" for name, expression in expressions.items())
    connection.execute(
        f"""CREATE TEMP TABLE made AS SELECT {keys}, epoch_us({quote(view.timestamp)}) AS {AT}{made}, __row,
            row_number() OVER (ORDER BY {quote(view.timestamp)}, {created} NULLS FIRST, __row) AS {SEQUENCE}
            FROM (SELECT *, row_number() OVER () AS __row FROM source) WHERE {known}"""
    )
    latest = f"QUALIFY {SEQUENCE} = max({SEQUENCE}) OVER (PARTITION BY {keys}, {AT})"
    points = "".join(f", {quote(name)}" for name in view.points)
    raw = "".join(f", {quote(name)}" for name in view.windows)
    rows = numbers(
        arrow(connection, f"SELECT {keys}, {AT}{points}, __row FROM made {latest} ORDER BY __row").drop_columns("__row")
    )
    corrected = latest if _CREATED in source.column_names else ""
    events = numbers(
        arrow(connection, f"SELECT {keys}, {AT}, {SEQUENCE}{raw} FROM made {corrected} ORDER BY {SEQUENCE}")
    )
    events = _countable(view, events)
    check_windows(view, {name: events.schema.field(name).type for name in view.windows}, address)
    return rows, events


def _expression(source: Any, text: str) -> str:
    return quote(text) if text in source.column_names else text


def _countable(view: View, events: Any) -> Any:
    """Booleans as 0 and 1 where they are summed: «how many of them were late»."""
    import pyarrow as pa

    for name in view.windows:
        if pa.types.is_boolean(events.schema.field(name).type) and view.columns[name]["agg"] in ("sum", "mean", "std"):
            events = events.set_column(events.column_names.index(name), name, events[name].cast(pa.int64()))
    return events


def as_of_rows(view: View, rows: Any, events: Any) -> Any:
    """The view as a table to read: entity, timestamp, and every feature as of its row."""
    import pyarrow as pa

    connection = connect({"rows": rows, "events": events})
    windows = "" if not view.windows else f"LEFT JOIN windows USING ({keys_of(view)}, {AT})"
    if view.windows:
        connection.execute(f"CREATE TEMP TABLE requests AS SELECT {keys_of(view)}, {AT} FROM rows")
        types = {name: events.schema.field(name).type for name in view.windows}
        connection.register("windows", windows_at(connection, view, view.windows, types))
    features = ", ".join(quote(name) for name in view.columns)
    table = arrow(
        connection,
        f"""SELECT {keys_of(view)}, make_timestamptz({AT}) AS {quote(view.timestamp)}, {features}
            FROM (SELECT *, row_number() OVER () AS __row FROM rows) {windows} ORDER BY __row""",
    )
    at = table.column_names.index(view.timestamp)
    return numbers(table.set_column(at, view.timestamp, table[view.timestamp].cast(pa.timestamp("us", "UTC"))))


def features_at(view: View, names: list[str], folder: Path, requests: Any) -> Any:
    """The named features of a built view (its folder) at each of `requests` (entity, AT): entity, AT, features."""
    import pyarrow.parquet as pq

    points, windows = [n for n in names if n in view.points], [n for n in names if n in view.windows]
    table = read_table(folder, [*view.entity, view.timestamp, *points])
    connection = connect({"requests": requests, "built": table})
    joined = requests
    if points:
        connection.execute(f"CREATE TEMP VIEW rows AS SELECT *, epoch_us({quote(view.timestamp)}) AS {AT} FROM built")
        joined = points_at(connection, view, points)
    if windows:
        events = pq.ParquetFile(folder / WINDOWS).read([*view.entity, AT, SEQUENCE, *windows])
        connection.register("events", events)
        types: Mapping[str, Any] = {name: events.schema.field(name).type for name in windows}
        connection.register("points", joined)
        connection.register("made", windows_at(connection, view, windows, types))
        joined = arrow(connection, f"SELECT * FROM points LEFT JOIN made USING ({keys_of(view)}, {AT})")
    return numbers(joined)
