"""Files to one table: CSV and TSV (plain or compressed), Parquet, JSON lines.

CSV types are taken from every value, never from a sample: a reader that samples turns a late `1.5` into 2. Words such
as `NA` mean «missing» in a column of numbers or times, and stay text in a column of text (Namibia is `NA` too).
"""

import csv
import gzip
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from modelyard.errors import ModelyardError
from modelyard.steps.data.gather import Files

_MISSING = ("NA", "N/A", "NaN", "nan", "null", "NULL", "None")
_READABLE = ".csv, .tsv, .parquet, .jsonl, .ndjson (CSV and JSON lines also as .gz, CSV as .zip)"


def load_table(files: Files, address: str) -> Any:
    """All files as one pyarrow table, in the order of their names. Raises ModelyardError."""
    import pyarrow as pa

    chosen = [(name, path) for name, path in files if name != "schema.json"]
    kinds = {kind_of(name) for name, _ in chosen}
    if kinds - {"csv", "parquet", "json"}:
        strange = [name for name, _ in chosen if not kind_of(name)]
        raise ModelyardError(
            f"`{strange[0]}` is no table",
            address=address,
            code="not-a-table",
            fix=f"Tables are read from {_READABLE}. Leave other files out with `exclude`.",
        )
    if len(kinds) != 1:
        raise ModelyardError(
            f"holds {' and '.join(sorted(kinds))} files at once",
            address=address,
            code="not-a-table",
            fix="Name one kind with a glob, as in `data/*.parquet`.",
        )
    kind = kinds.pop()
    read: Callable[[Path], Any] = {"csv": _read_csv, "parquet": _read_parquet, "json": _read_json}[kind]
    try:
        table = pa.concat_tables([read(path) for _, path in chosen], promote_options="permissive")
    except (
        pa.ArrowInvalid,
        pa.ArrowTypeError,
        pa.ArrowNotImplementedError,
        UnicodeDecodeError,
        OSError,
        zipfile.BadZipFile,
    ) as error:
        raise _unreadable(chosen, address, error) from error
    _check_names(table.column_names, address)
    return typed(table) if kind == "csv" else _plain(table)


def kind_of(name: str) -> str:
    """`csv`, `parquet`, `json`, or nothing, by a file's ending."""
    lower = name.lower().removesuffix(".gz")
    if lower.endswith((".csv", ".tsv", ".csv.zip", ".tsv.zip")):
        return "csv"
    if lower.endswith((".parquet", ".pq")):
        return "parquet"
    return "json" if lower.endswith((".jsonl", ".ndjson", ".json")) else ""


def typed(table: Any) -> Any:
    """A table of text with each column as what all its values are: whole numbers, numbers, booleans, times, text."""
    import pyarrow as pa

    return pa.table({name: _typed(table[name]) for name in table.column_names})


def _typed(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pc.utf8_trim_whitespace(column)
    values = pc.if_else(pc.is_in(values, value_set=pa.array(["", *_MISSING])), pa.scalar(None, pa.string()), values)
    if values.null_count == len(values):
        return column
    first = values.drop_null()[0].as_py()
    for kind in _candidates(first):
        try:
            return values.cast(kind)
        except pa.ArrowInvalid:
            continue
    return column


def _candidates(first: str) -> list[Any]:
    """The types that a column may be of, by its first value, narrowest first; the cast then looks at every value."""
    import pyarrow as pa

    if first.lower() in ("true", "false"):
        return [pa.bool_()]
    if len(first) >= 10 and first[4:5] == "-" and first[:4].isdigit():
        return [pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC")]
    return [pa.int64(), pa.float64()] if first[:1] in "+-.0123456789iI" else []


def _read_csv(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    with _opened(path) as stream:
        head = stream.readline().decode("utf-8-sig")
    delimiter = max(",\t;|", key=head.count)
    names = next(csv.reader([head], delimiter=delimiter), [])
    with _opened(path) as stream:
        return arrow_csv.read_csv(
            stream,
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )


def _opened(path: Path) -> IO[bytes]:
    name = path.name.lower()
    if name.endswith(".gz"):
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if name.endswith(".zip"):
        archive = zipfile.ZipFile(path)
        return archive.open(min(entry for entry in archive.namelist() if not entry.endswith("/")))
    return path.open("rb")


def _read_parquet(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read()


def _read_json(path: Path) -> Any:
    import duckdb

    connection = duckdb.connect(":memory:", config={"threads": "1", "autoinstall_known_extensions": "false"})
    connection.execute("SET TimeZone = 'UTC'")
    try:
        return connection.sql("SELECT * FROM read_json(?, sample_size = -1)", params=[str(path)]).to_arrow_table()
    except duckdb.Error as error:
        raise OSError(str(error).splitlines()[0]) from error


def _plain(table: Any) -> Any:
    """Dictionary columns as what they stand for, so that the same values are the same bytes however they came."""
    import pyarrow as pa

    for index, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(index, field.name, table[field.name].cast(field.type.value_type))
        elif pa.types.is_large_string(field.type) or field.type == pa.string_view():
            table = table.set_column(index, field.name, table[field.name].cast(pa.string()))
    return table


def _check_names(names: Sequence[str], address: str) -> None:
    seen: dict[str, str] = {}
    for name in names:
        if not name.strip():
            raise ModelyardError(
                "a column has no name", address=address, code="bad-table", fix="Name it in the first line of the file."
            )
        if name.lower() in seen:
            raise ModelyardError(
                f"two columns are named `{seen[name.lower()]}` and `{name}`",
                address=address,
                code="bad-table",
                fix="Rename one: SQL does not tell upper case from lower.",
            )
        seen[name.lower()] = name


def _unreadable(files: Files, address: str, error: Exception) -> ModelyardError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    shown = files[0][0] if len(files) == 1 else f"{len(files)} files"
    return ModelyardError(
        f"cannot read {shown} as a table: {reason}",
        address=address,
        code="bad-table",
        fix="Text is UTF-8; all files have the same columns with values of the same kind.",
    )
