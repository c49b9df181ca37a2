"""Stages of registered models that moved by themselves: by a user's own MLflow client, or by a registration cut short.

What was applied says which version a stage has. It is held against the store's reference, which servers follow, and
against the alias in MLflow's SQLite file. A tracking server by URL is not asked: a plan waits for no other service.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph, Node
from modelyard.plan.definition import Reason
from modelyard.state import AppliedRecord

if TYPE_CHECKING:
    from modelyard.store import Store


def moved_stages(
    graph: Graph, applied: Mapping[str, AppliedRecord], store: "Store", root: Path
) -> dict[str, tuple[Reason, ...]]:
    """Why a registration has to be done again, by its address. Only stages with the rule `auto` are ours to move."""
    found = {}
    for address, node in graph.nodes.items():
        if node.kind != "register":
            continue
        record = applied.get(address)
        if record is None or record.kind != "register" or "version" not in record.metrics:
            continue
        reasons = tuple(_moved(node, record, store, _aliases(graph, node, root)))
        if reasons:
            found[address] = reasons
    return found


def _moved(node: Node, record: AppliedRecord, store: "Store", aliases: Mapping[str, int] | None) -> Iterator[Reason]:
    version = int(record.metrics["version"])
    for stage, rule in (node.config.get("promote") or {}).items():
        if rule != "auto":
            continue
        try:
            served = store.get_ref(f"registry/{node.config['name']}/{stage}")
        except ModelyardError:  # damaged, or a remote store that does not answer: apply says so where it matters
            continue
        if served is None or served.get("model") != record.inputs.get("model"):
            yield _reason(stage, version, served["version"] if served else None, "")
        elif aliases is not None and aliases.get(stage) != version:
            yield _reason(stage, version, aliases.get(stage), " in MLflow")


def _reason(stage: str, version: int, now: int | None, where: str) -> Reason:
    before, after = f"v{version}", f"v{now}" if now else "no version"
    note = f"{stage} moved by itself{where}, {before} → {after}"
    return Reason("drift", stage, before, after, note=note)


def _aliases(graph: Graph, node: Node, root: Path) -> Mapping[str, int] | None:
    from modelyard.tracking.aliases import alias_versions
    from modelyard.tracking.place import locate

    tracking = graph.settings.get("tracking") or {}
    if "${secret." in str(tracking.get("uri")):
        return None
    place = locate(tracking, graph.project, root, graph.settings)
    return alias_versions(place.database, str(node.config["name"])) if place.database else None
