"""Task documents as the asking side would write them."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from modelyard.graph.codec import node_to_json
from modelyard.graph.model import Node
from modelyard.task import TaskDocument


def task_document(root: Path, node: Node, **changes: Any) -> TaskDocument:
    workdir = root / ".modelyard" / "work" / uuid4().hex[:12]
    values: dict[str, Any] = {
        "project": "p",
        "root": str(root),
        "node": node_to_json(node),
        "fingerprint": f"b3:{uuid4().hex * 2}",
        "run_id": uuid4().hex[:12],
        "inputs": {},
        "store": {},
        "workdir": str(workdir),
        "result": str(workdir / "result.json"),
        **changes,
    }
    return TaskDocument(**values)
