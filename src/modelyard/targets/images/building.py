"""Builds what the engine has not, through Compose, which speaks BuildKit: cached layers, and secrets in no layer."""

import re
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.targets.base import OnEvent
from modelyard.targets.docker.compose_cli import ComposeCli
from modelyard.targets.docker.engine import Engine
from modelyard.targets.images import Image, labels
from modelyard.targets.images.build_failures import base_of, build_failed
from modelyard.targets.images.pip_settings import pip_secrets
from modelyard.targets.images.turns import take_turn

REVISION = "MODELYARD_REVISION"
_STEP = re.compile(r"^#\d+ \[(?:\S+ )?(\w+ )?(\d+)/(\d+)\]")
_PIP = re.compile(r"^#\d+ [\d.]+ +(Collecting|Downloading|Building wheel for|Installing collected packages):? ?(\S*)")
_MEGABYTE = 1e6
_TAIL = 200


def build(
    cli: ComposeCli, engine: Engine, root: str, images: Sequence[Image], on_event: OnEvent,
    cancel: threading.Event, prepare: Callable[[], None] = lambda: None,
) -> list[str]:  # fmt: skip
    """Build the images that are missing; their names. Raises ModelyardError.

    An image that was built for another folder counts as missing: the project's code lies elsewhere in it. `prepare`
    writes what they are built from, where any is missing.
    """
    built: list[str] = []
    for image in images:
        if _is_there(engine.has_image(image.name), root):
            continue
        if not built:
            prepare()
        on_event({"event": "note", "text": f"building {image.name}"})
        _build_one(cli, engine, root, image, on_event, cancel)
        on_event({"event": "note", "text": f"built {image.name}: {_size(engine, image)}"})
        built.append(image.name)
    return built


def _is_there(found: Mapping[str, Any] | None, root: str) -> bool:
    return found is not None and ((found.get("Config") or {}).get("Labels") or {}).get(labels.ROOT) == root


def _build_one(
    cli: ComposeCli, engine: Engine, root: str, image: Image, on_event: OnEvent, cancel: threading.Event
) -> None:
    said: list[str] = []

    def hear(line: str) -> None:
        said.append(line)
        del said[:-_TAIL]
        if words := _words(line):
            on_event({"event": "progress", "done": 0, "total": 0, "text": f"image {image.role}: {words}"})

    with take_turn(on_event, cancel), pip_secrets(engine.is_near) as variables:
        code = cli.watch(
            "--progress", "plain", "--profile", "images", "build", f"image-{image.role}",
            on_line=hear, cancel=cancel, env={**variables, REVISION: _revision(root)},
        )  # fmt: skip
    if cancel.is_set():
        raise ModelyardError(f"building {image.name} was cancelled", code="cancelled")
    if code:
        raise build_failed(image, said)


def _words(line: str) -> str:
    if step := _STEP.match(line):
        return f"{step[1] or ''}step {step[2]} of {step[3]}"
    if pip := _PIP.match(line):
        return f"{pip[1].lower()} {pip[2].rpartition('/')[2].rstrip(',')}".rstrip()  # no address of an index
    return ""


def _revision(root: str) -> str:
    """The project's commit, `-dirty` where files differ from it, or nothing outside of git."""
    argv = ["git", "-C", root, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _size(engine: Engine, image: Image) -> str:
    size = _megabytes(engine, image.name)
    base = base_of(image)
    under = _megabytes(engine, base)
    # An engine may have a base in its build cache alone.
    return f"{size:.0f} MB, {size - under:.0f} MB above {base}" if under else f"{size:.0f} MB"


def _megabytes(engine: Engine, name: str) -> float:
    return float((engine.has_image(name) or {}).get("Size") or 0) / _MEGABYTE
