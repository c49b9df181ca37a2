"""What a user's step leaves in its outputs: checked, and put into the form that readers of its type expect."""

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError

_TEXT_TABLES = {".csv": ",", ".tsv": "\t"}


def output_type(config: Mapping[str, Any], name: str) -> str:
    """`files`, unless the spec says otherwise."""
    declared = (config.get("outputs") or {}).get(name) or {}
    return str(declared.get("type", "files")) if isinstance(declared, Mapping) else str(declared)


def settle(config: Mapping[str, Any], outputs: Mapping[str, Path], who: str) -> dict[str, float]:
    """Check every output and bring it into form; the metrics among them. Raises ModelyardError for what is missing."""
    metrics: dict[str, float] = {}
    for name, folder in outputs.items():
        if not any(folder.iterdir()):
            raise ModelyardError(
                f"{who} ended well but left its output `{name}` empty",
                fix=f"write into the folder that ${{outputs.{name}}} names, or take `{name}` out of its outputs",
                code="output-missing",
            )
        kind = output_type(config, name)
        if kind == "table":
            settle_table(folder, name, who)
        elif kind == "metrics":
            metrics |= read_metrics(folder, name, who)
    return metrics


def settle_table(folder: Path, name: str, who: str) -> None:
    """Make the folder hold `data.parquet` and `schema.json`, from whatever Parquet, CSV or TSV is in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "schema.json")
    parquet = [path for path in files if path.suffix == ".parquet"]
    text = [path for path in files if path.suffix in _TEXT_TABLES]
    if not parquet and not text:
        raise ModelyardError(
            f"{who} left no table in its output `{name}`: it holds {_some(files, folder)}",
            fix="write a .parquet, .csv or .tsv file there, or make the output's type `files`",
            code="output-not-table",
        )
    import pyarrow.parquet as pq

    if [path.name for path in files] == ["data.parquet"]:
        write_schema(folder, pq.read_schema(files[0]), pq.read_metadata(files[0]).num_rows)
        return
    table = _read_all(parquet or text, name, who)
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    write_table(table, folder)


def _read_all(files: list[Path], name: str, who: str) -> Any:
    import pyarrow as pa

    try:
        return pa.concat_tables([read_file(path) for path in files], promote_options="default")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ModelyardError(
            f"{who} left an unreadable table in its output `{name}`: {error}", code="output-not-table"
        ) from error


def read_file(path: Path) -> Any:
    """One table file as an Arrow table."""
    if path.suffix in _TEXT_TABLES:
        from pyarrow import csv

        return csv.read_csv(path, parse_options=csv.ParseOptions(delimiter=_TEXT_TABLES[path.suffix]))
    import pyarrow.parquet as pq

    return pq.read_table(path)


def read_folder(folder: Path) -> Any:
    """The table of a folder (or of a single file) as an Arrow table."""
    if folder.is_file():
        return read_file(folder)
    if (folder / "data.parquet").is_file():
        return read_file(folder / "data.parquet")
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".parquet", *_TEXT_TABLES})
    if not files:
        raise ModelyardError(f"{folder.name} holds no table", fix="it has no .parquet, .csv or .tsv", code="no-table")
    return _read_all(files, folder.name, "an earlier step")


def write_table(table: Any, folder: Path) -> None:
    """`data.parquet` and `schema.json` from an Arrow table or a pandas frame."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not isinstance(table, pa.Table):
        table = pa.Table.from_pandas(table, preserve_index=False)
    table = table.replace_schema_metadata(None)
    pq.write_table(table, folder / "data.parquet")
    write_schema(folder, table.schema, table.num_rows)


def write_schema(folder: Path, schema: Any, rows: int) -> None:
    columns = {field.name: str(field.type) for field in schema}
    (folder / "schema.json").write_text(json.dumps({"columns": columns, "rows": rows}, indent=1))


def read_metrics(folder: Path, name: str, who: str) -> dict[str, float]:
    """The numbers of `metrics.json`: either by name at the top, or under `metrics`."""
    path = folder / "metrics.json"
    try:
        data = json.loads(path.read_text())
        data = data.get("metrics", data)
        found = {str(key): float(value) for key, value in data.items() if not isinstance(value, Mapping | list | str)}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelyardError(
            f"{who} left no readable metrics.json in its output `{name}`: {error}",
            fix='write {"name": number, …} there',
            code="output-not-metrics",
        ) from error
    return {key: value for key, value in found.items() if math.isfinite(value)}


def _some(files: list[Path], folder: Path) -> str:
    names = [str(path.relative_to(folder)) for path in files]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "nothing"
