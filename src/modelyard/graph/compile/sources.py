"""`sources.x`: a snapshot of data, and its splits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.errors import ModelyardError
from modelyard.graph.compile.compilation import Compilation
from modelyard.graph.model import ExternalData, Ref
from modelyard.spec.values import RUNNING_KEYS, SECTIONS

if TYPE_CHECKING:
    from modelyard.spec.model.sources import Source

DEFAULT_SPLIT = {"fractions": {"train": 0.7, "val": 0.15, "test": 0.15}, "by": "hash", "seed": 0}
"""For a source without `split` that a training reads whole: it is scored on what it has not seen."""


def compile_sources(out: Compilation) -> None:
    for name in sorted(out.spec.sources):
        address = f"sources.{name}"
        with out.at(address):
            _source(out, address, name, out.spec.sources[name])


def _source(out: Compilation, address: str, name: str, source: Source) -> None:
    config = source.plain(*RUNNING_KEYS, "path")
    splits = out.references.splits(name)
    if splits and source.split is None:
        config["split"] = DEFAULT_SPLIT
    inputs: dict[str, Ref] = {}
    external: ExternalData | None = None
    if source.path and is_address(source.path):
        inputs["data"] = out.ref(source.path, f"{address}.path")
    elif source.path:
        try:
            external = out.data(source.path, source.type, source.exclude)
        except ModelyardError as error:
            error.address = error.address or f"{address}.path"
            raise
    out.add(
        address, "ingest", config, inputs=inputs, outputs=("data", *splits), variant=source.type, running=source,
        external=external,
    )  # fmt: skip


def is_address(path: str) -> bool:
    """Whether a source's `path` names a thing of the spec: `steps.tidy:table`, not `steps.csv` in a folder."""
    section, dot, rest = path.partition(".")
    return bool(dot) and section in SECTIONS and "/" not in rest
