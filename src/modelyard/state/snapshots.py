"""A database and what was done to it since, as Secrets: one head, and a snapshot in chunks in one of two slots.

The head names the snapshot and holds the statements of every transaction since. Writing the head is what commits, with
the resourceVersion that it was read at; a kill before that leaves what was there, a kill after it leaves all of it.
"""

import json
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from modelyard.errors import ModelyardError
from modelyard.state.cluster_objects import CHUNKS, SLOTS, ClusterPlace, chunk_suffix, data_of, version_of

CHUNK_BYTES = 700_000
_READS = 20
_PAUSE = 0.1

Statement = tuple[str, list[Any]]
Transaction = list[Statement]


@dataclass(frozen=True)
class Head:
    """`version` is the resourceVersion it was read at, None where there is none yet.

    `writer` is whose turn it is to write, `commit` the last write's own name; `snapshot` is empty before the first one.
    """

    version: str | None = None
    writer: str = ""
    commit: str = ""
    snapshot: str = ""
    slot: int = 0
    chunks: int = 0
    log: tuple[Transaction, ...] = ()


class Snapshots:
    def __init__(self, place: ClusterPlace) -> None:
        self._place = place

    def head(self) -> Head:
        found = self._place.objects.get("Secret", self._place.name)
        if found is None:
            return Head()
        try:
            data = data_of(found)
            log = json.loads(zlib.decompress(data["log"]))
            return Head(version=version_of(found), log=tuple(log), **json.loads(data["head"]))
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            raise self._damaged(self._place.name, error) from error

    def write(self, head: Head) -> Head | None:
        """The head as it is now; None where another was written since this one was read."""
        fields = {name: getattr(head, name) for name in ("writer", "commit", "snapshot", "slot", "chunks")}
        data = {"head": json.dumps(fields).encode(), "log": pack(head.log)}
        written = self._place.write(self._place.secret("", data, head.version))
        if written is not None:
            return replace(head, version=version_of(written))
        now = self.head()  # an answer that was lost on its way: what was written is there
        return now if now.commit == head.commit and now.writer == head.writer else None

    def load(self, head: Head) -> bytes | None:
        """The database of a head's snapshot; None where that one is written over by now."""
        parts = []
        for number in range(head.chunks):
            found = self._place.objects.get("Secret", f"{self._place.name}{chunk_suffix(head.slot, number)}")
            data = data_of(found) if found else {}
            if data.get("snapshot") != head.snapshot.encode():
                return None
            parts.append(data["chunk"])
        try:
            return zlib.decompress(b"".join(parts))
        except zlib.error as error:
            raise self._damaged(self._title(head), error) from error

    def current(self, head: Head) -> tuple[Head, bytes | None]:
        """The head and its snapshot, both read again for as long as writers come between the two."""
        for _ in range(_READS):
            if not head.snapshot:
                return head, None
            if (data := self.load(head)) is not None:
                return head, data
            time.sleep(_PAUSE)
            head = self.head()
        raise self._damaged(self._title(head), "chunks are missing")

    def save(self, head: Head, database: bytes) -> Head | None:
        """Write a snapshot into the slot that nobody reads, then a head that names it and gives the turn back.

        None as with `write`. A writer that slept, and whose turn was given to another, must not write over a slot that
        is read by now: the versions of its chunks are noted before it shows, by writing the head, that the turn is
        still its own.
        """
        parts = _cut(zlib.compress(database, 6))
        if len(parts) > CHUNKS:
            raise ModelyardError(
                f"the state {self._place.name} has grown too large for the cluster's own objects", code="state",
                fix="set `state.uri` to a PostgreSQL",
            )  # fmt: skip
        slot = (head.slot + 1) % SLOTS
        objects = self._place.objects
        names = [f"{self._place.name}{chunk_suffix(slot, number)}" for number in range(len(parts))]
        versions = [version_of(objects.get("Secret", name)) for name in names]
        still = self.write(head)
        if still is None:
            return None
        snapshot = uuid4().hex
        for number, (part, version) in enumerate(zip(parts, versions, strict=True)):
            data = {"snapshot": snapshot.encode(), "chunk": part}
            if self._place.write(self._place.secret(chunk_suffix(slot, number), data, version)) is None:
                return None
        return self.write(
            replace(still, writer="", commit=uuid4().hex, snapshot=snapshot, slot=slot, chunks=len(parts), log=())
        )

    def _title(self, head: Head) -> str:
        return f"{self._place.name}{chunk_suffix(head.slot, 0)} and its {head.chunks - 1} next"

    def _damaged(self, name: str, why: object) -> ModelyardError:
        return ModelyardError(
            f"the state in Secret {name} is damaged: {why}", code="state-corrupt",
            fix="put a backup of it there, or delete it and apply: finished results are taken from the store again",
        )  # fmt: skip


def pack(log: Sequence[Transaction]) -> bytes:
    return zlib.compress(json.dumps(list(log)).encode(), 6)


def _cut(data: bytes) -> list[bytes]:
    return [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)]
