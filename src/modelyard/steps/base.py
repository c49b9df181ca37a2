"""What a step is given and gives back. A step does not know where it runs."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelyard.task import TaskDocument


@dataclass(frozen=True, slots=True)
class StepResult:
    """`metrics`: finite numbers by name. `summary`: one line for a person. Outputs are what lies in their folders."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    summary: str = ""
    warnings: tuple[str, ...] = ()
    recorded: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StepContext:
    """One attempt at one node.

    `inputs` are read-only folders by port; `outputs` are empty folders to fill, one for each of the node's outputs;
    `workdir` outlives a killed attempt of the same fingerprint, for checkpoints; `root` is the project's folder;
    `store` is a `modelyard.store.Store`; `emit` sends an event (`{"event": "progress", …}`).
    """

    document: TaskDocument
    address: str
    kind: str
    config: Mapping[str, Any]
    inputs: Mapping[str, Path]
    outputs: Mapping[str, Path]
    root: Path
    workdir: Path
    store: Any
    emit: Callable[[Mapping[str, Any]], None]

    def progress(self, done: float, total: float, text: str = "", **values: float) -> None:
        """Tell how far the work is: `done` of `total` (same unit), a word on what, and live numbers by name."""
        self.emit({"event": "progress", "done": done, "total": total, "text": text, "values": values})

    def note(self, text: str) -> None:
        self.emit({"event": "note", "text": text})


Step = Callable[[StepContext], StepResult]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Files of outputs: equal content gives equal bytes, for digests are of bytes."""
    path.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
