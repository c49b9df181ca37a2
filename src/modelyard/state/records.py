"""What the state holds, as frozen data."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from modelyard.task import Artifact

RunStatus = Literal["running", "ok", "failed", "timeout", "cancelled", "out-of-memory", "interrupted"]


def encode_outputs(outputs: Mapping[str, Artifact]) -> str:
    """One line an output; twice as fast to read as JSON, and a plan reads all of them."""
    return "\n".join(f"{name} {made.digest} {made.files} {made.bytes}" for name, made in outputs.items())


def decode_outputs(text: str) -> dict[str, Artifact]:
    outputs = {}
    for line in text.splitlines():
        name, digest, files, size = line.split(" ")
        outputs[name] = Artifact(digest, int(files), int(size))
    return outputs


@dataclass(frozen=True)
class AppliedRecord:
    """One node as it was applied last. `inputs` are digests by port; `by` is `user@host`; times are ISO 8601 in UTC.

    `target` is where a service runs, as the graph named it; empty for tasks.

    A record read from the database decodes its outputs and its body when they are first looked at: a plan over
    10,000 nodes looks at few.
    """

    address: str
    kind: str
    role: str
    fingerprint: str
    node_json: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Artifact] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    # No class-level defaults below: a missing attribute is what leads to `__getattr__`.
    run_id: str = field(default_factory=str)
    seconds: float = field(default_factory=float)
    applied_at: str = field(default_factory=str)
    by: str = field(default_factory=str)
    serial: int = field(default_factory=int)
    summary: str = field(default_factory=str)
    target: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> "AppliedRecord":
        """From a row in the order of `APPLIED_COLUMNS`."""
        record = cls.__new__(cls)
        fields = record.__dict__
        (
            fields["address"],
            fields["kind"],
            fields["role"],
            fields["fingerprint"],
            fields["_outputs"],
            fields["_body"],
        ) = row
        return record

    def __getattr__(self, name: str) -> Any:
        fields = self.__dict__
        if name == "outputs" and "_outputs" in fields:
            value = fields[name] = decode_outputs(fields["_outputs"])
            return value
        if name in BODY_FIELDS and "_body" in fields:
            fields.update({"target": {}, **json.loads(fields["_body"])})  # older records name no target
            return fields[name]
        raise AttributeError(name)


def latest(records: Iterable[AppliedRecord]) -> AppliedRecord | None:
    """The record that was applied last. Nothing is decoded for it: a stored body begins with its `applied_at`."""

    def applied_at(record: AppliedRecord) -> str:
        body: str | None = record.__dict__.get("_body")
        return body if body is not None else f'{{"applied_at":"{record.applied_at}"'

    return max(records, key=applied_at, default=None)


APPLIED_COLUMNS = "address, kind, role, fingerprint, outputs, body"
BODY_FIELDS = ("node_json", "inputs", "metrics", "run_id", "seconds", "applied_at", "by", "serial", "summary", "target")


@dataclass(frozen=True)
class RunRecord:
    """One attempt at one task. `log` is the path of its log; `recorded` what the step noted (versions, hardware)."""

    run_id: str
    address: str
    kind: str
    fingerprint: str
    status: RunStatus = "running"
    environment: str | None = None
    attempt: int = 1
    started_at: str = ""
    finished_at: str = ""
    seconds: float = 0.0
    log: str = ""
    error: str = ""
    summary: str = ""
    by: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    outputs: Mapping[str, Artifact] = field(default_factory=dict)
    recorded: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LockHolder:
    """Who holds the state's lock, for what, and since how many seconds."""

    owner: str
    host: str
    pid: int
    reason: str
    age: float
    quiet: float = 0.0

    def __str__(self) -> str:
        return f"{self.owner} (pid {self.pid}), {_span(self.age)} ago, for {self.reason}"


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line of the audit journal. `hash` covers every other field, `previous` the line before."""

    seq: int
    at: str
    environment: str | None
    event: str
    by: str
    payload: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class JournalCheck:
    """Whether the journal is unbroken. `head` is the hash to keep elsewhere; `broken` the first bad line's number."""

    ok: bool
    entries: int
    head: str
    broken: int | None = None
    why: str = ""
