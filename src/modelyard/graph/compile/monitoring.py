"""`monitoring.x`: a check that runs again and again beside a server, or over a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelyard.graph.compile.compilation import Compilation
from modelyard.graph.model import Ref
from modelyard.spec.values import RUNNING_KEYS

if TYPE_CHECKING:
    from modelyard.spec.model.monitoring import Monitor

_DEFAULT_EVERY = 3600.0


def compile_monitoring(out: Compilation) -> None:
    for name in sorted(out.spec.monitoring):
        address = f"monitoring.{name}"
        with out.at(address):
            _monitor(out, address, out.spec.monitoring[name])


def _monitor(out: Compilation, address: str, monitor: Monitor) -> None:
    watched = out.references.parse(monitor.data)
    config = monitor.plain(*RUNNING_KEYS, "data", "reference")
    if monitor.every is None and monitor.window is None:
        config["every"] = _DEFAULT_EVERY
    inputs: dict[str, Ref] = {"reference": out.ref(monitor.reference, f"{address}.reference")}
    after: tuple[str, ...] = ()
    if watched.section == "serving":
        config["service"] = watched.node
        after = (watched.node,)
    else:
        config["source"] = monitor.data
        inputs["data"] = out.ref(monitor.data, f"{address}.data")
    config["notifications"] = _notifications(out, monitor)
    out.add(
        address, "monitor", config, inputs=inputs, role="service", running=monitor, after=after,
        origins={
            "": address, "service": f"{address}.data", "source": f"{address}.data", "notifications": "notifications",
        },
    )  # fmt: skip


def _notifications(out: Compilation, monitor: Monitor) -> dict[str, Any]:
    """Where its rules send messages, by name; secrets stay references."""
    named = {action.notify for rule in monitor.when for action in rule.then if action.notify}
    known = out.spec.notifications
    return {name: known[name].plain() for name in sorted(known) if name in named or "drift" in known[name].events}
