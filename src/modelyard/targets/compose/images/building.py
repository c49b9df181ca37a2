"""Builds what the engine has not, through Compose, which speaks BuildKit: cached layers, and secrets in no layer."""

import re
import threading
from collections.abc import Sequence
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.targets.base import OnEvent
from modelyard.targets.compose import names
from modelyard.targets.compose.compose_cli import ComposeCli, compose_failed
from modelyard.targets.compose.engine import Engine
from modelyard.targets.compose.images import Image
from modelyard.targets.compose.images.pip_settings import pip_secrets

_STEP = re.compile(r"^#\d+ \[(?:\S+ )?(?:(\w+) )?(\d+)/(\d+)\] (.*)")
_PIP = re.compile(r"^#\d+ [\d.]+ (Collecting|Downloading|Building wheel for|Installing collected packages) ?:?\s?(\S*)")
_TAIL = 200


def build(
    cli: ComposeCli, engine: Engine, root: str, images: Sequence[Image], on_event: OnEvent,
    cancel: threading.Event,
) -> None:  # fmt: skip
    """Build the images that are missing. Raises ModelyardError.

    An image that was built for another folder counts as missing: the project's code lies elsewhere in it.
    """
    for image in images:
        if _is_there(engine.has_image(image.name), root):
            continue
        on_event({"event": "note", "text": f"building {image.name}"})
        _build_one(cli, image, on_event, cancel)


def _is_there(found: dict[str, Any] | None, root: str) -> bool:
    return found is not None and ((found.get("Config") or {}).get("Labels") or {}).get(names.ROOT) == root


def _build_one(cli: ComposeCli, image: Image, on_event: OnEvent, cancel: threading.Event) -> None:
    said: list[str] = []

    def hear(line: str) -> None:
        said.append(line)
        del said[:-_TAIL]
        if words := _words(line):
            on_event({"event": "progress", "done": 0, "total": 0, "text": words})

    with pip_secrets() as secrets:
        code = cli.watch(
            "--progress",
            "plain",
            "--profile",
            "images",
            "build",
            f"image-{image.role}",
            on_line=hear,
            cancel=cancel,
            env=secrets,
        )
    if cancel.is_set():
        raise ModelyardError(f"building {image.name} was cancelled", code="cancelled")
    if code:
        raise _build_failed(image, said)


def _words(line: str) -> str:
    if step := _STEP.match(line):
        return f"image: step {step[2]} of {step[3]}"
    if pip := _PIP.match(line):
        return f"image: {pip[1].lower()} {pip[2]}".rstrip()
    return ""


def _build_failed(image: Image, said: Sequence[str]) -> ModelyardError:
    plain = [re.sub(r"^#\d+ (?:[\d.]+ )?", "", line).strip() for line in said]
    lines = [line for line in plain if line]
    base = _base(image)
    for mark, what, fix in (
        ("pull access denied", f"the base image {base} is not to be had", "name another `base` under `target.compose`"),
        (
            "failed to resolve source metadata",
            f"the base image {base} is not to be had",
            "log in to its registry, or load it",
        ),
        (
            "no space left on device",
            "the disk is full while building",
            "free some space (`docker system df`), apply again",
        ),
        ("ResolutionImpossible", "pip finds no versions that fit together", "`modelyard lock` resolves them"),
        (
            "No matching distribution",
            _line(lines, "No matching distribution"),
            "check `runtime.packages` and mlops.lock",
        ),
        (
            "Temporary failure in name resolution",
            "the build reaches no package index",
            "check the network and the proxy",
        ),
        ("Could not fetch URL", "the build reaches no package index", "check the network, the proxy and certificates"),
    ):
        if any(mark in line for line in lines):
            return ModelyardError(f"{image.name}: {what}", fix=fix, code="build-failed", details=lines[-15:])
    error = next((line for line in reversed(lines) if "error" in line.lower()), "")
    if not error:
        return compose_failed("\n".join(lines))
    return ModelyardError(f"{image.name} could not be built: {error}", code="build-failed", details=lines[-15:])


def _base(image: Image) -> str:
    first = re.search(rb"^ARG BASE=(\S+)", image.files["Dockerfile"], re.MULTILINE)
    return first[1].decode() if first else "of the image"


def _line(lines: Sequence[str], mark: str) -> str:
    return next(line for line in lines if mark in line).removeprefix("ERROR: ")
