"""`target.compose.observe`: Prometheus reads what the endpoints tell of themselves, and Grafana shows it."""

from __future__ import annotations

from typing import Any

from modelyard.errors import ModelyardError
from modelyard.graph.compile.compilation import Compilation

PROMETHEUS, GRAFANA = "observe.prometheus", "observe.grafana"


def compile_observing(out: Compilation) -> None:
    compose = out.spec.target.compose
    observe = compose.observe if compose is not None else None
    if observe is None:
        return
    at = "target.compose.observe"
    endpoints = {address: _endpoint(node.config) for address, node in out.nodes.items() if node.kind == "serve"}
    if not endpoints:
        fix = "Add one under `serving`, or take `observe` away"
        out.keep(ModelyardError("there is no endpoint to watch", fix=fix, code="observe"), at)
        return
    out.add(
        PROMETHEUS, "prometheus", {"image": observe.prometheus, "endpoints": endpoints}, role="service",
        after=tuple(endpoints), origins={"": at, "image": f"{at}.prometheus", "endpoints": "serving"},
    )  # fmt: skip
    out.add(
        GRAFANA, "grafana", {"image": observe.grafana, "port": observe.port}, role="service", after=(PROMETHEUS,),
        origins={"": at, "image": f"{at}.grafana", "port": f"{at}.port"},
    )  # fmt: skip


def _endpoint(config: Any) -> dict[str, str]:
    """`token`: the first of those it takes, as it is written: mostly a reference to a secret."""
    tokens = (config.get("auth") or {}).get("tokens") or ()
    return {"token": tokens[0]} if tokens else {}
