"""`features.x.online`: the latest values of each entity, for `modelyard.online` to read."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from modelyard.online import DATABASE, VIEW
from modelyard.steps.base import StepContext, StepResult
from modelyard.steps.data.parquet import read_table
from modelyard.steps.data.pointintime import AT, SEQUENCE, View, keys_of
from modelyard.steps.data.sql import MICROSECONDS, arrow, connect, quote
from modelyard.steps.features import WINDOWS
from modelyard.wording import counted


def run(ctx: StepContext) -> StepResult:
    """Write the online table: one row an entity, and the rows that a window ending now or later still reaches."""
    view = View.of(ctx.config, ctx.config.get("name", ""), ctx.address)
    latest = _latest(view, ctx.inputs["table"])
    events = _events(view, ctx.inputs["table"]) if view.windows else None
    folder = ctx.outputs["online"]
    database = sqlite3.connect(folder / DATABASE)
    try:
        _fill(database, "latest", latest, [*view.entity])
        if events is not None:
            _fill(database, "events", events, [*view.entity, AT, SEQUENCE])
        database.commit()
    finally:
        database.close()
    definition = {
        "name": view.name,
        "entity": view.entity,
        "timestamp": view.timestamp,
        "ttl": view.ttl,
        "columns": view.columns,
    }
    (folder / VIEW).write_text(json.dumps(definition, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return StepResult(
        {"entities": latest.num_rows},
        f"{counted(latest.num_rows, 'entity', 'entities')}, {counted(len(view.columns), 'feature')}",
    )


def _latest(view: View, folder: Path) -> Any:
    connection = connect({"built": read_table(folder)})
    points = "".join(f", {quote(name)}" for name in view.points)
    at = f"epoch_us({quote(view.timestamp)})"
    return arrow(
        connection,
        f"""SELECT {keys_of(view)}, {at} AS {AT}{points} FROM built
            QUALIFY row_number() OVER (PARTITION BY {keys_of(view)} ORDER BY {at} DESC) = 1 ORDER BY ALL""",
    )


def _events(view: View, folder: Path) -> Any:
    import pyarrow.parquet as pq

    connection = connect({"events": pq.ParquetFile(folder / WINDOWS).read()})
    longest = max(round(view.columns[name]["over"] * MICROSECONDS) for name in view.windows)
    return arrow(
        connection, f"SELECT * FROM events WHERE {AT} > (SELECT max({AT}) FROM events) - {longest} ORDER BY {SEQUENCE}"
    )


def _fill(database: sqlite3.Connection, name: str, table: Any, index: list[str]) -> None:
    columns = ", ".join(
        f"{quote(column)} {_affinity(table.schema.field(column).type)}" for column in table.column_names
    )
    database.execute(f"CREATE TABLE {name} ({columns})")
    rows = zip(*(_plain(table[column]) for column in table.column_names), strict=True)
    database.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * table.num_columns)})", rows)
    database.execute(f"CREATE INDEX {name}_entity ON {name} ({', '.join(map(quote, index))})")


def _affinity(kind: Any) -> str:
    import pyarrow as pa

    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return "INTEGER"
    return "REAL" if pa.types.is_floating(kind) else "TEXT"


def _plain(column: Any) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_temporal(column.type):
        column = column.cast(pa.string())
    values: list[Any] = column.to_pylist()
    return values
