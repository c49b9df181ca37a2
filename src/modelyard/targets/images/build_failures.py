"""What a failed build said, in one line, with what to do about it."""

import re
from collections.abc import Sequence

from modelyard.errors import ModelyardError
from modelyard.targets.docker.compose_cli import compose_failed
from modelyard.targets.images import Image

_BASE = "name another `base` under `target.compose`, load it (`docker pull`), or log in to its registry"
_ENGINE = "start Docker again (its log tells why it ended), then apply again: what was built is kept"
_NETWORK = "check the network, the proxy, and pip's index and certificates (`pip config list`)"
_PACKAGES = "check `runtime.packages`; `modelyard lock` resolves versions anew"
_SPACE = "free some space (`docker system df` tells what Docker uses; `docker builder prune`), apply again"
_PYTHON = "name a `base` with Python 3.11 or later under `target.compose`"
_STAMP = re.compile(r"^(?:#\d+ )?(?:\d+\.\d+ +)?")
_REPEATED = re.compile(
    r"executor failed running|did not complete successfully|RUN |COPY |-----|\[internal\]|CACHED|DONE|>"
)
_DETAILS = 15
# Marks in the order in which they explain: what pip says last is often but the consequence of what it said first.
_CAUSES = (
    ("no space left on device", "the disk is full", _SPACE, "disk-full"),
    ("failed to resolve source metadata", "its base image {base} is not to be had", _BASE, "no-base-image"),
    ("failed to do request", "the registry of its base image {base} does not answer", _BASE, "no-base-image"),
    ("error reading from server: EOF", "the engine went away meanwhile", _ENGINE, "no-engine"),
    ("pull access denied", "its base image {base} is not to be had", _BASE, "no-base-image"),
    ("manifest unknown", "its base image {base} is not to be had", _BASE, "no-base-image"),
    ("Name or service not known", "the build reaches no package index", _NETWORK, "no-network"),
    ("Temporary failure in name resolution", "the build reaches no package index", _NETWORK, "no-network"),
    ("NewConnectionError", "the build reaches no package index", _NETWORK, "no-network"),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "the package index shows a certificate that nobody vouches for",
        _NETWORK,
        "no-network",
    ),
    ("ProxyError", "the proxy lets the build reach no package index", _NETWORK, "no-network"),
    ("requires a different Python", "{line}", _PYTHON, "build-failed"),
    ("ResolutionImpossible", "pip finds no versions that fit together", _PACKAGES, "build-failed"),
    ("No matching distribution found", "{line}", _PACKAGES, "build-failed"),
)


def build_failed(image: Image, said: Sequence[str]) -> ModelyardError:
    """`said` are the last lines of a build, as `--progress plain` prints them."""
    lines = [line for line in (_STAMP.sub("", line).strip() for line in said) if line]
    for mark, what, fix, code in _CAUSES:
        line = next((line for line in lines if mark.lower() in line.lower()), None)
        if line is not None:
            cause = what.format(base=base_of(image), line=line.removeprefix("ERROR: "))
            return _error(image, cause, lines, fix, code)
    error = next((line for line in _telling(lines) if line.startswith("ERROR: ")), None)
    if error is None:
        return compose_failed("\n".join(lines))
    return _error(image, error.removeprefix("ERROR: "), lines)


def base_of(image: Image) -> str:
    """The image that it is built upon, as its Dockerfile says."""
    first = re.search(rb"^ARG BASE=(\S+)", image.files["Dockerfile"], re.MULTILINE)
    return first[1].decode() if first else ""


def _error(image: Image, cause: str, lines: Sequence[str], fix: str = "", code: str = "build-failed") -> ModelyardError:
    what = f"the image {image.name} could not be built: {cause}"
    return ModelyardError(what, fix=fix or None, code=code, details=_telling(lines)[-_DETAILS:])


def _telling(lines: Sequence[str]) -> list[str]:
    """Without the step itself, which BuildKit repeats around what the step said, and without what it said twice."""
    kept = [line for line in lines if not _REPEATED.search(line)]
    return list(dict.fromkeys(kept))
