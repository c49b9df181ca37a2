"""Features as they were known at an instant: the latest row at or before it, and windows that end at it.

Everything is asked per entity and instant (`requests`), so that a thousand rows of one hour cost one look-up. Instants
are microseconds in UTC; a window `over` seconds long holds the rows with `instant - over < at <= instant`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.steps.data.sql import MICROSECONDS, arrow, quote

AT = "__at"
SEQUENCE = "__seq"
_AGGREGATES = {
    "sum": "sum({v})",
    "mean": "avg({v})",
    "min": "min({v})",
    "max": "max({v})",
    "count": "count({v})",
    "std": "stddev_samp({v})",
    "first": f"arg_min({{v}}, {SEQUENCE})",
    "last": f"arg_max({{v}}, {SEQUENCE})",
}
_NUMERIC = frozenset({"sum", "mean", "std"})


@dataclass(frozen=True, slots=True)
class View:
    """A feature view's definition, as its node's config has it. `columns`: name → `{sql}` or `{agg, column, over}`."""

    name: str
    entity: tuple[str, ...]
    timestamp: str
    ttl: float | None
    columns: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, config: Mapping[str, Any], name: str, address: str) -> "View":
        if not config.get("timestamp"):
            raise ModelyardError(
                "has no timestamp", address=address, code="timestamp", fix="Name its column of times: `timestamp: …`."
            )
        return cls(name, tuple(config["entity"]), config["timestamp"], config.get("ttl"), config["columns"])

    @property
    def points(self) -> list[str]:
        return [name for name, column in self.columns.items() if not column.get("agg")]

    @property
    def windows(self) -> list[str]:
        return [name for name, column in self.columns.items() if column.get("agg")]


def keys_of(view: View) -> str:
    return ", ".join(quote(name) for name in view.entity)


def points_at(connection: Any, view: View, names: Sequence[str]) -> Any:
    """For each of `requests` (entity, AT) the latest of `rows` (entity, AT, features) at or before it.

    Rows older than ``view.ttl`` give nulls; a row just as old counts. Semantics: Feast's ``get_historical_features``.
    """
    alive = "TRUE" if view.ttl is None else f"r.{AT} - v.{AT} <= {round(view.ttl * MICROSECONDS)}"
    equal = " AND ".join(f"r.{quote(name)} = v.{quote(name)}" for name in view.entity)
    picked = ", ".join(f"CASE WHEN {alive} THEN v.{quote(name)} END AS {quote(name)}" for name in names)
    keys = ", ".join(f"r.{quote(name)}" for name in view.entity)
    return arrow(
        connection,
        f"SELECT {keys}, r.{AT}, {picked} FROM requests r ASOF LEFT JOIN rows v ON {equal} AND r.{AT} >= v.{AT}",
    )


def windows_at(connection: Any, view: View, names: Sequence[str], types: Mapping[str, Any]) -> Any:
    """For each of `requests` (entity, AT) its windows over `events` (entity, AT, SEQUENCE, a raw column a feature)."""
    raw = ", ".join(quote(name) for name in names)
    nothing = ", ".join(f"NULL AS {quote(name)}" for name in names)
    lengths = sorted({round(view.columns[name]["over"] * MICROSECONDS) for name in names})
    windows = ", ".join(
        f"w{length} AS (PARTITION BY {keys_of(view)} ORDER BY {AT}"
        f" RANGE BETWEEN {length - 1} PRECEDING AND CURRENT ROW)"
        for length in lengths
    )
    made = ", ".join(_aggregate(view.columns[name], name, types[name]) for name in names)
    return arrow(
        connection,
        f"""SELECT {keys_of(view)}, {AT}, {made} FROM (
            SELECT {keys_of(view)}, {AT}, {SEQUENCE}, FALSE AS __asked, {raw} FROM events
            UNION ALL BY NAME SELECT {keys_of(view)}, {AT}, NULL AS {SEQUENCE}, TRUE AS __asked, {nothing} FROM requests
        ) WINDOW {windows} QUALIFY __asked""",
    )


def _aggregate(column: Mapping[str, Any], name: str, kind: Any) -> str:
    import pyarrow as pa

    call = _AGGREGATES[column["agg"]].format(v=quote(name))
    value = f"{call} OVER w{round(column['over'] * MICROSECONDS)}"
    if column["agg"] == "sum" and pa.types.is_integer(kind):
        value = f"CAST({value} AS BIGINT)"
    return f"{value} AS {quote(name)}"


def check_windows(view: View, types: Mapping[str, Any], address: str) -> None:
    """Raise ModelyardError for a window over what cannot be added up."""
    import pyarrow as pa

    for name in view.windows:
        column, kind = view.columns[name], types[name]
        if column["agg"] in _NUMERIC and not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise ModelyardError(
                f"`{column['column']}` holds {kind}: it has no {column['agg']}",
                address=f"{address}.columns.{name}",
                code="sql",
                fix="Take count, min, max, first or last, or make it a number in SQL.",
            )


def numbers(table: Any) -> Any:
    """Decimals as floats, 128-bit sums as whole numbers where they fit: what learns and serves knows only those."""
    import pyarrow as pa

    for index, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(index, field.name, table[field.name].cast(pa.float64()))
    return table
