"""What passes between the side that asks for a task and the process or container that does it.

The asking side writes a `TaskDocument` as NODE.json; the doing side (`python -m modelyard.runtime NODE.json`) prints
events as lines on stdout, each an ASCII record separator, `modelyard `, and a JSON object. Every other line is log.
Its last word is the result: written beside NODE.json, and kept in the store under the fingerprint, so that a result
is never lost between the end of the work and its record.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

EVENT_PREFIX = "\x1emodelyard "


@dataclass(frozen=True, slots=True)
class Artifact:
    """One output (or input) by content: a folder in the store, named by its tree digest."""

    digest: str
    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class TaskDocument:
    """NODE.json. `node` is `modelyard.graph.codec.node_to_json` of the node; paths are absolute where it runs.

    `study`: where others lead a study, the one trial that this is (`trial`, `words`), or all to gather (`trials`).
    """

    project: str
    root: str
    node: Mapping[str, Any]
    fingerprint: str
    run_id: str
    inputs: Mapping[str, Artifact]
    store: Mapping[str, Any]
    workdir: str
    result: str
    attempt: int = 1
    environment: str | None = None
    tracking: Mapping[str, Any] = field(default_factory=dict)
    git: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    study: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1

    def to_json(self) -> dict[str, Any]:
        plain = {**_plain(self), "inputs": {port: _plain(artifact) for port, artifact in self.inputs.items()}}
        return plain if self.study else {name: plain[name] for name in plain if name != "study"}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TaskDocument":
        inputs = {port: Artifact(**artifact) for port, artifact in data["inputs"].items()}
        return cls(**{**data, "inputs": inputs})


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What a task made. `metrics` are finite numbers by name; `summary` is one line for a person."""

    fingerprint: str
    outputs: Mapping[str, Artifact]
    metrics: Mapping[str, float] = field(default_factory=dict)
    summary: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    run_id: str = ""
    finished_at: str = ""
    recorded: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {**_plain(self), "outputs": {name: _plain(artifact) for name, artifact in self.outputs.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TaskResult":
        outputs = {name: Artifact(**artifact) for name, artifact in data["outputs"].items()}
        return cls(**{**data, "outputs": outputs, "warnings": tuple(data.get("warnings", ()))})


def _plain(record: "Artifact | TaskDocument | TaskResult") -> dict[str, Any]:
    """One level only, and no copies: `asdict` takes a millisecond for what is written out at once."""
    return {one.name: getattr(record, one.name) for one in fields(record)}


def encode_event(event: Mapping[str, Any]) -> str:
    """One line, newline not included. Kinds: `progress`, `metric`, `note`, `warning`, `result`, `error`,
    `trial` (see `modelyard.trials`), and `followed` from a node that took part in what another one leads."""
    return EVENT_PREFIX + json.dumps(event, separators=(",", ":"), default=str)


def decode_event(line: str) -> dict[str, Any] | None:
    """The event of a line, or None where the line is plain log (a mangled event counts as log)."""
    if not line.startswith(EVENT_PREFIX):
        return None
    try:
        event = json.loads(line[len(EVENT_PREFIX) :])
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
