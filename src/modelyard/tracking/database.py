"""MLflow's SQLite file, made whole before anyone opens it.

MLflow makes a new file by running all of its migrations in place: seconds of many small writes, half a schema after a
kill, and an error where two processes do it at once. Here they run once a version of MLflow, in a temporary folder;
a project's file is a copy of that, put in place by one rename.
"""

import contextlib
import logging
import os
import shutil
import sqlite3
import tempfile
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock


def prepare_database(path: Path) -> None:
    """Make `path` unless it is there. Safe with many processes at once. Raises OSError."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock", timeout=120):
        if not path.exists():
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            shutil.copyfile(_template(), draft)
            draft.replace(path)


def _template() -> Path:
    folder = _cache_folder()
    path = folder / f"mlflow-{version('mlflow')}.db"
    with FileLock(f"{path}.lock", timeout=120):
        if not path.exists():
            with tempfile.TemporaryDirectory() as scratch:
                draft = Path(scratch) / "mlflow.db"
                _migrate(draft)
                whole = path.with_name(f".{path.name}.{os.getpid()}")
                shutil.copyfile(draft, whole)
                whole.replace(path)
    return path


def _migrate(path: Path) -> None:
    quiet = logging.getLogger("mlflow.store.db.utils")
    quiet.setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from mlflow.store.db.utils import _initialize_tables
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{path}")
    _initialize_tables(engine)
    engine.dispose()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        # Readers (the UI) and the writer do not wait for each other. Kept in the file itself.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "modelyard"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    return folder if writable else Path(tempfile.mkdtemp(prefix="modelyard-mlflow-"))
