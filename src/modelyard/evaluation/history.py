"""How losses and metrics went, epoch by epoch; outlives a killed training."""

import json
from collections.abc import Mapping
from pathlib import Path

from modelyard.evaluation import plots


class History:
    """Lines of JSON, one an epoch. An epoch told twice (after a kill) counts as it was told last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._epochs: dict[int, dict[str, float]] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                entry = json.loads(line)
                self._epochs[int(entry["epoch"])] = entry["values"]
            except (ValueError, KeyError):
                continue  # the line that a kill cut short

    @property
    def last(self) -> int:
        return max(self._epochs, default=0)

    def add(self, epoch: int, values: Mapping[str, float]) -> None:
        self._epochs[epoch] = dict(values)
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"epoch": epoch, "values": dict(values)}) + "\n")

    def plot(self, path: Path) -> None:
        """Draw each value over the epochs, unless there are fewer than two."""
        if len(self._epochs) > 1:
            plots.training_curves({epoch: self._epochs[epoch] for epoch in sorted(self._epochs)}, path)
