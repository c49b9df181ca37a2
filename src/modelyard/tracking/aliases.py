"""Where a registered model's aliases point, read from MLflow's SQLite file itself: MLflow's import takes seconds."""

import sqlite3
from contextlib import closing
from pathlib import Path


def alias_versions(database: Path, model: str) -> dict[str, int] | None:
    """Version by alias; None where the file cannot tell (there is none, or MLflow has changed its tables).

    Nothing is left on the disk: a file that nobody writes to is opened as one that does not change.
    """
    if not database.is_file():
        return None
    written = database.with_name(f"{database.name}-wal").exists()
    how = "mode=ro" if written else "immutable=1"
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?{how}", uri=True, timeout=1.0)) as connection:
            rows = connection.execute("SELECT alias, version FROM registered_model_aliases WHERE name = ?", [model])
            return {str(alias): int(version) for alias, version in rows}
    except sqlite3.Error:
        return None
