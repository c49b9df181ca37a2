"""A version of a registered model, out of the store and ready to answer."""

import hashlib
import os
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from modelyard.errors import ModelyardError
from modelyard.inference.session import Model
from modelyard.serving.batching import Batcher, Tensors
from modelyard.serving.settings import PENDING_LIMIT, ServerSettings
from modelyard.serving.tensors import numpy_type

_KEEP = 3


class Trees(Protocol):
    """What a server needs of `modelyard.store.Store`."""

    def get_ref(self, name: str) -> Any: ...

    def materialize(self, digest: str, folder: Path) -> Path: ...


@dataclass(frozen=True)
class Served:
    """One loaded version. Requests hold on to the one they began with; the next version does not disturb them."""

    model: Model
    name: str
    version: str
    digest: str
    device: str
    since: str
    batcher: Batcher
    record: Mapping[str, Any]

    @property
    def signature(self) -> Mapping[str, Any]:
        return self.model.signature

    @property
    def pictures(self) -> bool:
        return "imgsz" in (self.signature.get("preprocess") or {})


def load_version(store: Trees, record: Mapping[str, Any], settings: ServerSettings, pool: Executor) -> Served:
    """Fetch, load and warm a version. Raises ModelyardError; nothing that serves now is touched."""
    try:
        digest, version = str(record["model"]), str(record["version"])
    except (KeyError, TypeError) as error:
        raise ModelyardError(f"{settings.channel} names no model version", code="bad-version") from error
    folder = _fetch(store, digest, settings.models)
    model = Model.load(folder, settings.threads)
    _warm(model)
    limit = settings.batch if _takes_batches(model) else 1
    batcher = Batcher(model.run, pool, limit=limit, wait=settings.wait, pending=PENDING_LIMIT)
    device = "cuda" if "CUDAExecutionProvider" in model.session.get_providers() else "cpu"
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return Served(model, settings.model, version, digest, device, since, batcher, record)


def _fetch(store: Trees, digest: str, models: Path) -> Path:
    folder = models / hashlib.sha256(digest.encode()).hexdigest()[:16]
    if not folder.exists():
        models.mkdir(parents=True, exist_ok=True)
        arriving = models / f".{folder.name}.{os.getpid()}.{time.monotonic_ns()}"
        try:
            store.materialize(digest, arriving)
            arriving.rename(folder)
        except BaseException:
            shutil.rmtree(arriving, ignore_errors=True)
            raise
    os.utime(folder)
    for old in sorted(models.glob("[0-9a-f]*"), key=lambda path: -path.stat().st_mtime)[_KEEP:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _takes_batches(model: Model) -> bool:
    return all(not isinstance(spec.shape[0], int) for spec in model.session.get_inputs() if spec.shape)


def _warm(model: Model) -> None:
    """One run on made-up input: the first request pays nothing, and a graph that cannot run is found now.

    Only a failure of ONNX Runtime counts; a user's graph may refuse made-up values with good reason, but not
    a shape and type that its own signature states.
    """
    model.run(_made_up(model))


def _made_up(model: Model) -> Tensors:
    size = (model.signature.get("preprocess") or {}).get("imgsz", 1)
    feeds = {}
    for spec in model.session.get_inputs():
        free = iter([1, 3, size, size] if len(spec.shape) == 4 else [1] * len(spec.shape))
        shape = [
            side if isinstance(side, int) and side > 0 else default
            for side, default in zip(spec.shape, free, strict=False)
        ]
        kind = numpy_type(spec.type)
        feeds[spec.name] = np.full(shape, "", object) if kind == np.dtype(object) else np.zeros(shape, kind)
    return feeds
