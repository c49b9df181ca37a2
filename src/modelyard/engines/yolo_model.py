"""Which network or weights a spec's `model` names."""

import hashlib
import urllib.request
from pathlib import Path

from modelyard.engines.base import TrainJob
from modelyard.errors import ModelyardError
from modelyard.files import write_whole


def locate_model(name: str, job: TrainJob) -> str:
    """A file for ultralytics: the project's own, a network that it ships (`yolov8n.yaml`), or fetched by URL.

    Weights (`.pt`) are pickles: they come from the project, or from a URL that ends in `#sha256=…`, never by a bare
    name, which ultralytics would fetch by itself. Raises ModelyardError.
    """
    if "://" in name:
        return str(_fetch(name, job.checkpoints))
    own = (job.root / name).resolve()
    if name and own.is_file() and own.is_relative_to(job.root.resolve()):
        return str(own)
    if name.endswith(".yaml") and _is_shipped(name):
        return name
    if name.endswith(".pt"):
        raise ModelyardError(
            f"there is no file {name} in the project",
            fix="Put the weights there, or name them by a URL that ends in #sha256=…; nothing is fetched by name",
            code="missing-file",
        )
    raise ModelyardError(
        f"`{name}` is neither a file of the project nor a network that ultralytics ships",
        fix="For example yolov8n.yaml (from scratch), or a path to weights",
        code="unknown-model",
    )


def _is_shipped(name: str) -> bool:
    import re

    from ultralytics.utils.checks import check_yaml

    unscaled = re.sub(r"(\d+)([nslmx])(.+)?$", r"\1\3", name)
    return bool(check_yaml(unscaled, hard=False) or check_yaml(name, hard=False))


def _fetch(url: str, folder: Path) -> Path:
    place, _, fragment = url.partition("#")
    wanted = fragment.removeprefix("sha256=")
    if not fragment.startswith("sha256=") or not place.startswith(("https://", "http://", "file://")):
        raise ModelyardError(
            "weights by URL need their digest",
            fix=f"Write {place}#sha256=… so that what is loaded is what you chose",
            code="missing-digest",
        )
    path = folder / f"weights-{wanted[:16]}{Path(place).suffix}"
    if path.exists():
        return path
    try:
        with urllib.request.urlopen(place, timeout=60) as answer:  # noqa: S310 - schemes are checked above
            content: bytes = answer.read()
    except OSError as error:
        raise ModelyardError(f"{place} cannot be fetched: {error}", code="fetch-failed") from error
    found = hashlib.sha256(content).hexdigest()
    if found != wanted:
        raise ModelyardError(f"{place} is not what was named: its SHA-256 is {found}", code="digest-differs")
    write_whole(path, content, sync=True)
    return path
