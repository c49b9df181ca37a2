"""What an image installs: only what its nodes can touch, at the versions that the project is computed with."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import requires
from typing import Any

from modelyard.graph.lock import Lock, normal_name
from modelyard.graph.model import Graph, Node
from modelyard.graph.touches import touched
from modelyard.targets.images.installed import installed_versions
from modelyard.urls import extra_of

_FOR_BUCKETS = "boto3>=1.35"
"""What MLflow's server, and none of ours, reaches S3 by."""
_VISION = frozenset({"ultralytics", "torch"})
_EXTRAS = {"serve": "serve", "tracking": "tracking", "monitor": "monitor"}
_TABLES = frozenset({"expect", "features", "materialize", "join"})
_LEARNING = frozenset({"train", "evaluate", "tune", "register"})


def needed(role: str, nodes: Sequence[Node], graph: Graph, lock: Lock | None) -> list[str]:
    """Requirements as pip takes them, sorted: Modelyard's own, its extras' and what the project declares."""
    extras = {extra for node in nodes for extra in _extras(node)} | _places(nodes, graph)
    if role == "tasks" and "kubernetes" in graph.target:
        extras |= {"kubernetes"}  # the run itself is there
        if graph.settings.get("notifications") and any(node.config.get("rollout") for node in graph.nodes.values()):
            extras |= {"monitor"}  # it tells of a version that went back
    names = {normal_name(requirement): requirement for requirement in _own(extras)}
    if role == "serving" and all(node.resources.gpu for node in nodes):
        names["onnxruntime"] = names["onnxruntime"].replace("onnxruntime", "onnxruntime-gpu")
    if any(node.config.get("artifacts") for node in nodes if node.kind == "tracking"):
        names["boto3"] = _FOR_BUCKETS
    if role == "tasks":
        for node in nodes:
            for name in (*touched(node.kind, _variant(node)), *_names(node)):
                names.setdefault(normal_name(name), name)
        names |= {normal_name(requirement): requirement for requirement in _declared(graph, lock, names)}
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


def _places(nodes: Sequence[Node], graph: Graph) -> set[str]:
    """Extras for where data, results and runs are kept."""
    urls = [(graph.settings.get("store") or {}).get("remote"), *(node.external.uri for node in nodes if node.external)]
    settings = [(graph.settings.get(name) or {}).get("uri") for name in ("state", "tracking")]
    databases = [*settings, *(node.config.get("backend") for node in nodes)]
    found = {extra for url in urls if url and (extra := extra_of(url))}
    return found | ({"postgres"} if any(str(place or "").startswith("postgres") for place in databases) else set())


def _names(node: Node) -> list[str]:
    return [package for package, _ in node.environment.packages]


def _declared(graph: Graph, lock: Lock | None, names: Mapping[str, str]) -> list[str]:
    """As the project wrote them, with their bounds; what only Modelyard's own requirements name stays as those are."""
    mirrors = (graph.settings.get("tracking") or {}).get("mirrors") or ()
    locked = [requirement for requirement in (lock.declared if lock else ()) if normal_name(requirement) not in names]
    return [*mirrors, *locked, *((graph.settings.get("runtime") or {}).get("packages") or ())]


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
    found = []
    for requirement in _all_of_ours():
        marker = requirement.marker
        plain = marker is None or "extra" not in str(marker)
        if (extra is None) == plain and (marker is None or marker.evaluate({"extra": extra or ""})):
            found.append(requirement)
    return found


@cache
def _all_of_ours() -> list[Any]:
    from packaging.requirements import Requirement

    return [Requirement(text) for text in requires("modelyard") or ()]


def _brackets(extras: Iterable[str]) -> str:
    return f"[{','.join(sorted(extras))}]" if extras else ""


def pinned(requirements: Sequence[str], lock: Lock | None) -> list[str]:
    """`name==version` of these and of all that they require: as locked, else as installed here, else left out.

    A local version (`2.6.0+cpu`) names a build that an index need not have: the version alone is kept.
    """
    versions, complete = installed_versions(requirements)
    # What a package that is not installed here requires is not known: all of the lock may be part of it.
    locked = lock.packages if lock else {}
    versions |= {name: version for name, version in locked.items() if name in versions or not complete}
    return [f"{name}=={version.partition('+')[0]}" for name, version in sorted(versions.items())]
