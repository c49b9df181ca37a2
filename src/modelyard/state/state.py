"""The state of a project, whole: applied records, runs, lock and journal over one database."""

from pathlib import Path
from types import TracebackType

from modelyard.state.applied import AppliedTable
from modelyard.state.database import Database, open_database
from modelyard.state.locks import LockTable


class State(AppliedTable, LockTable):
    """Threads may share one; environments are apart, and projects too where `project` is given."""

    @classmethod
    def open(cls, uri: str, root: Path, *, read_only: bool = False, project: str = "") -> "State":
        """Open by URL; a relative SQLite path is below `root`.

        `read_only` is for plan and status: it makes nothing on the disk, and reads as empty where nothing is.
        `project` keeps projects apart that share one PostgreSQL. Raises ModelyardError.
        """
        return cls(open_database(uri, root, read_only), project)

    @classmethod
    def empty(cls) -> "State":
        """With nothing in it, and kept nowhere."""
        from modelyard.state.sqlite import empty_state

        database = Database(empty_state())
        database.migrate()
        return cls(database)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> "State":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
