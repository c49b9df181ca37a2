"""What a monitor leaves on disk: a folder a window, `latest.json`, and `state.json` to go on from after a restart."""

import json
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from modelyard.files import write_whole

KEPT = 50
"""Reports of a monitor that are kept; Evidently's pages weigh about 4 MB each."""


def monitor_folder(root: Path, address: str) -> Path:
    return root / ".modelyard" / "reports" / address.partition(".")[2]


def new_report(folder: Path, at: datetime) -> Path:
    """An empty folder for a window, named by its time in UTC; old ones beyond KEPT go."""
    made = folder / at.strftime("%Y-%m-%dT%H-%M-%S-%fZ")
    made.mkdir(parents=True)
    for old in sorted(entry for entry in folder.iterdir() if entry.is_dir())[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return made


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Whole or not at all: whoever reads `latest.json` never sees half of it."""
    write_whole(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
