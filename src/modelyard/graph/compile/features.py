"""`features.x`: a feature view's rows, and with `online` its latest values for serving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelyard.graph.compile.compilation import Compilation
from modelyard.spec.values import RUNNING_KEYS

if TYPE_CHECKING:
    from modelyard.spec.model.features import FeatureView


def compile_features(out: Compilation) -> None:
    for name in sorted(out.spec.features):
        address = f"features.{name}"
        with out.at(address):
            _view(out, address, name, out.spec.features[name])


def _view(out: Compilation, address: str, name: str, view: FeatureView) -> None:
    config = view_config(out, view)
    source = out.ref(view.source, f"{address}.source")
    out.add(address, "features", config, inputs={"source": source}, outputs=("table",), running=view)
    if view.online:
        table = out.references.output(address)
        out.add(
            f"{address}.online", "materialize", {"name": name, **config}, inputs={"table": table}, outputs=("online",),
            running=view, origins={"": address},
        )  # fmt: skip


def view_config(out: Compilation, view: FeatureView) -> dict[str, Any]:
    """Entity, timestamp (the source's own where the view has none), ttl and columns."""
    config = view.plain(*RUNNING_KEYS, "source", "online")
    timestamp = view.timestamp or out.references.timestamp(view.source)
    return {**config, "timestamp": timestamp} if timestamp else config
