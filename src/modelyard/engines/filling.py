"""`${inputs.train}`, `${outputs.model}`, `${params.x}` and `${seed}` in a training's argv."""

import json
import re
from typing import Any

from modelyard.engines.base import TrainJob
from modelyard.errors import ModelyardError

_REFERENCE = re.compile(r"\$\{(inputs|outputs|params)\.([^}]+)\}")


def fill_argv(job: TrainJob) -> list[str]:
    """The training's `run` with values in place. Raises ModelyardError for a name that is not there."""
    names: dict[str, dict[str, Any]] = {
        "inputs": {"train": job.train, **({"val": job.val} if job.val else {})},
        "outputs": {"model": job.out},
        "params": dict(job.params),
    }

    def value(match: re.Match[str]) -> str:
        group = names[match[1]]
        if match[2] not in group:
            there = ", ".join(f"${{{match[1]}.{name}}}" for name in group) or "nothing"
            raise ModelyardError(f"{match[0]} names nothing", fix=f"There is: {there}", code="unknown-reference")
        found = group[match[2]]
        return json.dumps(found) if isinstance(found, (dict, list, bool)) or found is None else str(found)

    return [_REFERENCE.sub(value, part) for part in job.config["run"]]
