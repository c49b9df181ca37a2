"""What an image installs: only what its nodes can touch, at the versions that the project is computed with."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import requires
from typing import Any

from modelyard.graph.lock import normal_name
from modelyard.graph.model import Graph, Node
from modelyard.graph.resolve import installed_closure
from modelyard.graph.touches import touched

_VISION = frozenset({"ultralytics", "torch"})
_EXTRAS = {"serve": "serve", "tracking": "tracking", "monitor": "monitor"}
_TABLES = frozenset({"expect", "features", "materialize", "join"})
_LEARNING = frozenset({"train", "evaluate", "tune", "register"})


def needed(role: str, nodes: Sequence[Node], graph: Graph) -> list[str]:
    """Requirements as pip takes them, sorted: Modelyard's own, its extras' and what `runtime.packages` declares."""
    extras = {"serve"} if role == "serving" else {extra for node in nodes for extra in _extras(node)}
    names = {normal_name(requirement): requirement for requirement in _own(extras)}
    for node in nodes if role == "tasks" else ():
        for name in (*touched(node.kind, _variant(node)), *(package for package, _ in node.environment.packages)):
            names.setdefault(normal_name(name), name)
    if role == "tasks":
        declared = (graph.settings.get("runtime") or {}).get("packages") or ()
        names |= {normal_name(requirement): requirement for requirement in declared}
    return sorted(names.values(), key=normal_name)


def _extras(node: Node) -> set[str]:
    found = {_EXTRAS[node.kind]} if node.kind in _EXTRAS else set()
    if node.kind in _TABLES or (node.kind == "ingest" and node.config.get("type") == "table"):
        found.add("data")
    if node.kind in _LEARNING:
        found.add("train")
        if _variant(node) in _VISION and node.kind in ("train", "tune"):
            found.add("vision")
    return found


def _variant(node: Node) -> str | None:
    if node.kind == "tune":
        return str(node.config["training"]["engine"])
    variant: str | None = node.config.get("type" if node.kind == "ingest" else "engine")
    return variant


def _own(extras: Iterable[str]) -> list[str]:
    """Requirements of Modelyard and of some of its extras, those that extras name in turn included."""
    rest, seen, found = [*extras], set(extras), []
    while True:
        chosen = rest.pop() if rest else None
        for requirement in _of_extra(chosen):
            if normal_name(requirement.name) == "modelyard":
                fresh = requirement.extras - seen
                seen |= fresh
                rest += sorted(fresh)
            else:
                found.append(f"{requirement.name}{_brackets(requirement.extras)}{requirement.specifier}")
        if chosen is None:
            return found


def _of_extra(extra: str | None) -> list[Any]:
    """Those without a marker on `extra` where None is asked for."""
    from packaging.requirements import Requirement

    found = []
    for text in requires("modelyard") or ():
        requirement = Requirement(text)
        marker = requirement.marker
        plain = marker is None or "extra" not in str(marker)
        if (extra is None) == plain and (marker is None or marker.evaluate({"extra": extra or ""})):
            found.append(requirement)
    return found


def _brackets(extras: Iterable[str]) -> str:
    return f"[{','.join(sorted(extras))}]" if extras else ""


def pinned(requirements: Sequence[str], locked: Mapping[str, str]) -> list[str]:
    """`name==version` of these and of all that they require: as locked, else as installed here, else left out.

    A local version (`2.6.0+cpu`) names a build that an index need not have: the version alone is kept.
    """
    versions: dict[str, str] = {}
    for requirement in requirements:
        versions |= installed_closure([requirement]) or {}
    versions |= {name: version for name, version in locked.items() if name in versions or not versions}
    return [f"{name}=={version.partition('+')[0]}" for name, version in sorted(versions.items())]
