"""`apply --detach`: the approved plan is carried out by a process that needs neither this terminal nor this command."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from modelyard.cli.options import how_arguments
from modelyard.cli.session import Session

if TYPE_CHECKING:
    from modelyard.plan.definition import Plan

LOG = "apply.log"
"""Under `.modelyard/logs`: what the latest detached apply says. `modelyard logs apply` shows it."""
_WATCHED = 1.0


def detach(session: Session, plan: "Plan", how: Mapping[str, Any]) -> int:
    """Start it, and see that it did not end at once; its exit code if it did, else 0."""
    from modelyard.plan.planfile import save_plan

    root = session.loaded.root
    folder = root / ".modelyard" / "detached"
    folder.mkdir(parents=True, exist_ok=True)
    saved = folder / f"{uuid4().hex[:12]}.json"
    save_plan(plan, session.graph, saved)
    log = log_path(root)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            _command(session, saved, how), cwd=Path.cwd(), stdin=subprocess.DEVNULL, stdout=stream,
            stderr=subprocess.STDOUT, start_new_session=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    time.sleep(_WATCHED)
    code = process.poll()
    if code is not None:
        session.common.say(log.read_text(encoding="utf-8", errors="replace").rstrip("\n"))
        return code
    session.common.say(
        f"Goes on by itself (pid {process.pid}). `modelyard logs apply -F` follows it, `modelyard status` shows how "
        f"far it is, `kill {process.pid}` ends it in order."
    )
    return 0


def log_path(root: Path) -> Path:
    return root / ".modelyard" / "logs" / LOG


def _command(session: Session, saved: Path, how: Mapping[str, Any]) -> list[str]:
    common = session.common
    argv = [
        sys.executable,
        "-m",
        "modelyard",
        "apply",
        str(saved),
        "--no-color",
        "-f",
        str(common.spec_path().resolve()),
    ]
    argv += ["-e", common.environment] if common.environment else []
    argv += [part for name, value in common.variables.items() for part in ("--var", f"{name}={value}")]
    return [*argv, *how_arguments(how)]
