"""The environment variables that our child processes get."""

import os
from pathlib import Path


def child_environment(**extra: str) -> dict[str, str]:
    """Ours and `extra`; a relative PYTHONPATH is made absolute, since children run in the project's folder."""
    environment = {**os.environ, **extra}
    if path := environment.get("PYTHONPATH"):
        entries = [str(Path(entry).absolute()) for entry in path.split(os.pathsep) if entry]
        environment["PYTHONPATH"] = os.pathsep.join(entries)
    return environment
