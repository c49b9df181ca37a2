"""The audit journal: lines are added, never changed, and each carries the hash of the one before it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelyard.digests import canonical_json, digest_json
from modelyard.state.applied import Scoped, now
from modelyard.state.owner import whoami
from modelyard.state.records import JournalCheck, JournalEntry

_START = "b3:" + "0" * 64
_COLUMNS = "seq, at, environment, event, actor, payload, previous, hash"
_PAGE = 1000


def _entry(row: Sequence[Any]) -> JournalEntry:
    seq, at, environment, event, actor, payload, previous, digest = row
    return JournalEntry(seq, at, environment, event, actor, json.loads(payload), previous, digest)


class JournalTable(Scoped):
    def journal(
        self, event: str, payload: Mapping[str, Any] | None = None, environment: str | None = None
    ) -> JournalEntry:
        """Add a line: what happened (`apply-started`, `promoted`, …) and its plain data."""
        text = canonical_json(dict(payload or {})).decode()
        with self._db.transaction():
            last = self._db.rows("SELECT seq, hash FROM modelyard_journal ORDER BY seq DESC LIMIT 1")
            seq, previous = (last[0][0] + 1, last[0][1]) if last else (1, _START)
            row: list[Any] = [seq, now(), environment, event, whoami(), text, previous]
            row.append(digest_json(row))
            self._db.run(f"INSERT INTO modelyard_journal ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *row)
            self._remember_head(seq, row[-1])
        return _entry(row)

    def _remember_head(self, seq: int, digest: str) -> None:
        """Beside the journal, so that lines cut off at its end are missed too."""
        self._db.run(
            "INSERT INTO modelyard_meta VALUES ('journal-head', ?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            f"{seq} {digest}",
        )

    def journal_entries(self, after: int = 0, limit: int = 1000) -> list[JournalEntry]:
        """Lines in order, from the one after `after`."""
        return [_entry(row) for row in self._page(after, limit)]

    def _page(self, after: int, limit: int) -> list[Sequence[Any]]:
        return self._db.rows(
            f"SELECT {_COLUMNS} FROM modelyard_journal WHERE seq > ? ORDER BY seq LIMIT ?", after, limit
        )

    def verify_journal(self, head: str | None = None) -> JournalCheck:
        """Recompute the chain. `head` is a hash that was noted before: it must still be in the chain."""
        count, previous, seen_head = 0, _START, head is None
        for row in self._all_lines():
            if row[0] != count + 1:
                return JournalCheck(False, count, previous, count + 1, f"line {count + 1} is missing")
            if row[6] != previous:
                return JournalCheck(False, count, previous, row[0], "it does not follow from the line before")
            if digest_json(list(row[:7])) != row[7]:
                return JournalCheck(False, count, previous, row[0], "it was changed after it was written")
            count, previous = row[0], row[7]
            seen_head = seen_head or previous == head
        noted = self._db.rows("SELECT value FROM modelyard_meta WHERE name = 'journal-head'")
        if (noted[0][0] if noted else f"0 {_START}") != f"{count} {previous}":
            return JournalCheck(False, count, previous, count + 1, "lines at the end are missing")
        if not seen_head:
            return JournalCheck(False, count, previous, None, "the given head is not in this journal")
        return JournalCheck(True, count, previous)

    def _all_lines(self) -> Iterator[Sequence[Any]]:
        after = 0
        while page := self._page(after, _PAGE):
            yield from page
            after = page[-1][0]
