"""Rows of a source's table: its times, its key, and which split each row goes to."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.steps.data.sql import instants, need_columns
from modelyard.wording import counted

_APART = "\x1f"
_NOTHING = "\x00"


def prepare(table: Any, config: Mapping[str, Any], address: str) -> Any:
    """The table with its timestamp as instants in UTC. Raises ModelyardError for columns that are not there."""
    if not table.num_rows:
        raise ModelyardError("the table has no rows", address=address, code="empty-table")
    need_columns(table, list(config.get("key", ())), where=f"{address}.key", what="the key")
    timestamp = config.get("timestamp")
    if not timestamp:
        return table
    need_columns(table, [timestamp], where=f"{address}.timestamp", what="the timestamp")
    return instants(table, timestamp, where=f"{address}.timestamp")


def check_key(table: Any, key: Sequence[str], address: str) -> None:
    """Raise ModelyardError where two rows agree in the key, or where it is missing."""
    if not key:
        return
    import pyarrow.compute as pc

    for name in key:
        if table[name].null_count:
            row = pc.index(table[name].is_null(), True).as_py()
            raise ModelyardError(
                f"the key `{name}` is missing in {counted(table[name].null_count, 'row')}, first in row {row + 1}",
                address=f"{address}.key",
                code="bad-key",
                fix="Fill it in a step, or leave it out of `key`.",
            )
    counts = table.group_by(list(key)).aggregate([([], "count_all")])
    repeated = counts.filter(pc.greater(counts["count_all"], 1))
    if repeated.num_rows:
        shown = "; ".join(
            ", ".join(f"{name} {row[name]}" for name in key) + f" ({row['count_all']} rows)"
            for row in repeated.slice(0, 3).to_pylist()
        )
        values = counted(repeated.num_rows, "value of the key stands", "values of the key stand")
        raise ModelyardError(
            f"{values} in more than one row: {shown}",
            address=f"{address}.key",
            code="bad-key",
            fix="Name all columns that tell the rows apart, or take doubles out in a step.",
        )


def row_texts(table: Any, columns: Sequence[str]) -> list[str]:
    """Each row's values in these columns as one text, the same for the same values wherever the row stands."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = []
    for name in columns:
        try:
            texts.append(table[name].combine_chunks().cast(pa.string()))
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            texts.append(
                pa.array([None if value is None else repr(value) for value in table[name].to_pylist()], pa.string())
            )
    joined = pc.binary_join_element_wise(*texts, _APART, null_handling="replace", null_replacement=_NOTHING)
    found: list[str] = joined.to_pylist()
    return found


def assign_rows(table: Any, config: Mapping[str, Any], address: str) -> dict[str, Any]:
    """Row numbers by split, in the table's order. Raises ModelyardError where a split would be empty."""
    split = config.get("split")
    if not split:
        return {}
    import numpy as np

    from modelyard.steps.data.split import Shares

    where = f"{address}.split"
    try:
        shares = Shares.of(split["fractions"])
        numbers = _numbers(table, config, split, shares, where)
    except ModelyardError as error:
        error.address = error.address or where
        raise
    return {name: np.flatnonzero(numbers == number) for number, name in enumerate(shares.names)}


def _numbers(table: Any, config: Mapping[str, Any], split: Mapping[str, Any], shares: Any, where: str) -> Any:
    from modelyard.steps.data.split import by_key, by_time, stratified

    by, column, seed = split.get("by", "hash"), split.get("column"), split.get("seed", 0)
    keys = list(config.get("key", ())) or table.column_names
    if column:
        need_columns(table, [column], where=f"{where}.column", what="the column")
    if by == "time":
        return by_time(_times(table, column or config.get("timestamp"), where), shares)
    if by == "hash":
        return by_key(row_texts(table, [column] if column else keys), shares, seed)
    if not column:
        raise ModelyardError(
            f"a split by {by} needs a `column`", address=where, code="split", fix=f"Write `column:` beside `by: {by}`."
        )
    groups = row_texts(table, [column])
    return by_key(groups, shares, seed) if by == "group" else stratified(groups, row_texts(table, keys), shares, seed)


def _times(table: Any, column: str | None, where: str) -> Any:
    import pyarrow as pa

    if not column:
        raise ModelyardError(
            "a split by time needs the source's `timestamp`",
            address=where,
            code="split",
            fix="Name the column of times.",
        )
    times = instants(table, column, where=where)[column]
    if times.null_count:
        raise ModelyardError(
            f"`{column}` is missing in {counted(times.null_count, 'row')}, with no place in time",
            address=where,
            code="split",
            fix="Fill it or take these rows out in a step, or split by hash.",
        )
    return times.cast(pa.int64()).to_numpy()
