"""The git commit that a run is made from."""

import subprocess
from pathlib import Path
from typing import Any


def git_commit(root: Path) -> dict[str, Any]:
    """`commit`, `branch`, and whether the work tree differs from it (`dirty`); empty where there is no git."""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return {}
    return {
        "commit": commit,
        "branch": _git(root, "rev-parse", "--abbrev-ref", "HEAD") or "",
        "dirty": bool(_git(root, "status", "--porcelain", "--untracked-files=no", "--", ".")),
    }


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
