"""The online side of a feature view: the latest values of an entity, for a server that has milliseconds.

`online.db` is SQLite: `latest` has a row an entity, `events` the raw rows that windows ending now can still reach.
Reading needs the standard library only.
"""

import json
import sqlite3
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

DATABASE = "online.db"
VIEW = "view.json"
_AGGREGATES: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    "sum": lambda values: sum(values) if values else None,
    "mean": lambda values: statistics.fmean(values) if values else None,
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "count": len,
    "std": lambda values: statistics.stdev(values) if len(values) > 1 else None,
    "first": lambda values: values[0] if values else None,
    "last": lambda values: values[-1] if values else None,
}


class OnlineView:
    """A materialized view: output `online` of `features.x.online`. One object a thread."""

    def __init__(self, folder: Path) -> None:
        self.view: Mapping[str, Any] = json.loads((folder / VIEW).read_text(encoding="utf-8"))
        self._database = sqlite3.connect(f"{(folder / DATABASE).resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        self._database.row_factory = sqlite3.Row
        self._match = " AND ".join(f"{_quote(name)} = ?" for name in self.view["entity"])

    def lookup(self, entity: Mapping[str, Any], at: float | None = None) -> dict[str, Any]:
        """Features of one entity as of `at` (seconds since 1970, now by default); what is not known is None.

        Raises KeyError where a key of the entity is not given.
        """
        keys = [entity[name] for name in self.view["entity"]]
        now = round((time.time() if at is None else at) * 1_000_000)
        row = self._database.execute(f"SELECT * FROM latest WHERE {self._match} AND __at <= ?", (*keys, now)).fetchone()
        ttl = self.view.get("ttl")
        alive = row is not None and (ttl is None or now - row["__at"] <= round(ttl * 1_000_000))
        found: dict[str, Any] = {}
        for name, column in self.view["columns"].items():
            if column.get("agg"):
                found[name] = self._window(name, column, keys, now)
            else:
                found[name] = row[name] if alive else None
        return found

    def _window(self, name: str, column: Mapping[str, Any], keys: Sequence[Any], now: int) -> Any:
        since = now - round(column["over"] * 1_000_000)
        rows = self._database.execute(
            f"SELECT {_quote(name)} FROM events WHERE {self._match} AND __at > ? AND __at <= ? ORDER BY __seq",
            (*keys, since, now),
        )
        return _AGGREGATES[column["agg"]]([value for (value,) in rows if value is not None])

    def close(self) -> None:
        self._database.close()


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
