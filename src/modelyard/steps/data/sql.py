"""DuckDB as the steps use it: in memory, in UTC, on one thread, away from files and network.

One thread because sums of floats depend on the order in which they are added, and a step that runs twice must give
the same bytes. Files are closed to SQL because an expression of a spec has no business reading any.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from modelyard.errors import ModelyardError

MICROSECONDS = 1_000_000


@cache
def _database() -> Any:
    """One database a process: opening one takes 40 ms of processor time, a cursor of it nothing."""
    import duckdb

    database = duckdb.connect(
        ":memory:",
        config={"threads": "1", "autoinstall_known_extensions": "false", "python_enable_replacements": "false"},
    )
    database.execute("SET enable_external_access = false")
    return database


def connect(tables: Mapping[str, Any]) -> Any:
    """A connection that knows these pyarrow tables by name, and nothing of the other connections."""
    connection = _database().cursor()
    connection.execute("SET TimeZone = 'UTC'")
    for name, table in tables.items():
        connection.register(name, table)
    return connection


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def arrow(connection: Any, query: str, *, where: str | None = None) -> Any:
    """The result of a query as a pyarrow table. What DuckDB refuses is raised as a person's mistake, at `where`."""
    import duckdb

    try:
        return connection.sql(query).to_arrow_table()
    except duckdb.Error as error:
        raise sql_error(error, where) from error


def check_expression(connection: Any, expression: str, relation: str, where: str | None = None) -> None:
    """Raise ModelyardError where an expression is not one, or names a column that is not there."""
    import duckdb

    try:
        connection.sql(f"SELECT ({expression}\n) FROM {relation} LIMIT 0").fetchall()
    except duckdb.Error as error:
        raise sql_error(error, where, expression) from error


def sql_error(error: Exception, where: str | None, expression: str | None = None) -> ModelyardError:
    lines = [line for line in str(error).splitlines() if line.strip()]
    what = lines[0].split(": ", 1)[-1] if lines else type(error).__name__
    hints = [line.strip() for line in lines[1:] if not line.startswith("LINE") and line.strip() != "^"]
    named = f"`{expression}`: {what}" if expression else what
    return ModelyardError(named, address=where, code="sql", fix=" ".join(hints) or "Expressions are DuckDB's SQL.")


def need_columns(table: Any, names: list[str], *, where: str | None, what: str) -> None:
    """Raise ModelyardError for the first of `names` that the table does not have."""
    from modelyard.nearest import did_you_mean

    for name in names:
        if name not in table.column_names:
            raise ModelyardError(
                f"{what} `{name}` is not a column of the data",
                address=where,
                code="missing-column",
                fix=did_you_mean(name, table.column_names, "Columns here", 20),
            )


def instants(table: Any, column: str, *, where: str | None) -> Any:
    """The table with a column as instants in UTC, in microseconds. Times without a zone count as UTC.

    Raises ModelyardError (code `timestamp`) for a column that holds no times.
    """
    import pyarrow as pa

    kind = table.schema.field(column).type
    if kind == pa.timestamp("us", "UTC"):
        return table
    if not (
        pa.types.is_timestamp(kind)
        or pa.types.is_date(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
    ):
        raise ModelyardError(
            f"`{column}` holds {kind}, not times",
            address=where,
            code="timestamp",
            fix="Times are ISO 8601 text, dates or timestamps; make one with a step, as in `to_timestamp(seconds)`.",
        )
    connection = connect({"t": table.select([column])})
    try:
        moved = arrow(connection, f"SELECT {quote(column)}::TIMESTAMPTZ AS at FROM t", where=where)["at"]
    except ModelyardError as error:
        error.code = "timestamp"
        raise
    return table.set_column(table.column_names.index(column), column, moved.cast(pa.timestamp("us", "UTC")))
