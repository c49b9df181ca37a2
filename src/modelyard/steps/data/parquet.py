"""A table's folder: `data.parquet` and `schema.json`. Equal tables give equal bytes.

Nothing of the moment goes into the file (no pandas metadata, no times), and rows keep their order, so that a step that
makes the same rows again has the same digest, and what hangs below it does not run.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError

DATA = "data.parquet"
SCHEMA = "schema.json"


def write_table(folder: Path, table: Any, **facts: Any) -> None:
    """Write a pyarrow table; `facts` (`key`, `timestamp`, …) go into `schema.json` where they say something."""
    write_rows(folder / DATA, table)
    columns = {field.name: str(field.type) for field in table.schema}
    known = {name: fact for name, fact in facts.items() if fact}
    text = json.dumps({"columns": columns, "rows": table.num_rows, **known}, indent=1, ensure_ascii=False)
    (folder / SCHEMA).write_text(text + "\n", encoding="utf-8")


def write_rows(path: Path, table: Any) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table.replace_schema_metadata(None).combine_chunks(), path, compression="zstd", store_schema=False)


def is_table(folder: Path) -> bool:
    return (folder / DATA).is_file()


def read_table(folder: Path, columns: list[str] | None = None) -> Any:
    """The pyarrow table in a folder. Raises ModelyardError where there is none."""
    import pyarrow.parquet as pq

    if not is_table(folder):
        found = ", ".join(sorted(entry.name for entry in folder.iterdir())[:6]) if folder.is_dir() else "nothing"
        raise ModelyardError(
            "this is not a table",
            code="not-a-table",
            fix=f"A table's folder has {DATA}; this one has: {found or 'nothing'}.",
        )
    return pq.ParquetFile(folder / DATA).read(columns)


def read_schema(folder: Path) -> Mapping[str, Any]:
    """What `schema.json` says, or nothing where a user's own step wrote the table without one."""
    path = folder / SCHEMA
    if not path.is_file():
        return {}
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return schema if isinstance(schema, dict) else {}
