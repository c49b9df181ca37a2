"""`command`: a program of the user's, started by its argv, without a shell."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard import processes
from modelyard.errors import ModelyardError
from modelyard.secrets import resolve
from modelyard.steps.base import StepContext, StepResult
from modelyard.steps.filling import fill
from modelyard.steps.foreach import run_each
from modelyard.steps.outputs import settle


class CommandFailed(ModelyardError):  # noqa: N818 - what it is
    """`signal` is the number of the signal that ended the program, where one did."""

    signal: int | None = None


def run(context: StepContext) -> StepResult:
    """Run `config.run` once, or once for each file of the input that `config.foreach` names."""
    if context.config.get("foreach"):
        return run_each(context, run_once)
    return run_once(context, {})


def run_once(context: StepContext, item: Mapping[str, Any]) -> StepResult:
    """`item` is {"item": value} where the step runs once for each of something."""
    config = context.config
    names: dict[str, Any] = {
        "inputs": context.inputs,
        "outputs": context.outputs,
        "params": config.get("params") or {},
        **({"item": config["item"]} if "item" in config else {}),
        **item,
    }
    argv = [fill(part, names, context.address) for part in config["run"]]
    shown = shown_as(config["run"])
    code = _wait(start(argv, environment_of(context, names), context.root, shown))
    if code != 0:
        raise _failure(code, shown)
    metrics = settle(config, context.outputs, f"`{shown}`")
    return StepResult(metrics=metrics)


def environment_of(context: StepContext, names: Mapping[str, Any]) -> dict[str, str]:
    """Ours, what names the run, and the step's own `env` with its secrets."""
    own = {
        key: resolve(fill(str(value), names, context.address), context.document.settings)
        for key, value in (context.config.get("env") or {}).items()
    }
    here = str(Path(sys.executable).parent)  # `python` is the one that runs us
    return {
        **os.environ,
        "PATH": os.pathsep.join([here, os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "MODELYARD_ADDRESS": context.address,
        "MODELYARD_RUN_ID": context.document.run_id,
        "MODELYARD_ATTEMPT": str(context.document.attempt),
        "MODELYARD_WORKDIR": str(context.workdir),
        **own,
    }


def start(argv: list[str], environment: Mapping[str, str], root: Path, shown: str) -> subprocess.Popen[bytes]:
    """Start a program in the project's folder; its output is ours. Raises ModelyardError where it cannot be."""
    sys.stdout.flush()
    try:
        return subprocess.Popen(
            argv,
            cwd=root,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            preexec_fn=processes.die_with_parent,  # noqa: PLW1509 - one system call, and no thread is running here
        )
    except (OSError, ValueError) as error:
        name = argv[0]
        raise ModelyardError(
            f"cannot start `{shown}`: {getattr(error, 'strerror', None) or error}: {name}",
            fix=f"check that {name} is installed and executable; `run` is an argv, not a shell's line",
            code="command-not-found",
        ) from error


def _wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait()
    except BaseException:
        process.wait()  # it has been told to end, too; the warden sees to it that it does
        raise


def shown_as(argv: Sequence[str]) -> str:
    """The command as the spec has it, on one line of bearable length."""
    text = " ".join(" ".join(argv).split())
    return text if len(text) <= 100 else f"{text[:99]}…"


def _failure(code: int, shown: str) -> CommandFailed:
    if code < 0:
        error = CommandFailed(f"`{shown}` was ended by signal {-code}", code="command-failed")
        error.signal = -code
        return error
    return CommandFailed(f"`{shown}` ended with exit code {code}", code="command-failed")
