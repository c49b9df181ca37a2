"""The images of a project: one for its tasks, one for its servers, one for the tracking server. Pure and offline.

An image is its build context: what it is made from is its name, so that an unchanged one is never built again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modelyard.digests import digest_bytes, digest_json
from modelyard.graph.model import Graph, Node
from modelyard.targets.base import Files

Role = Literal["tasks", "serving", "tracking"]
ROLES: tuple[Role, ...] = ("tasks", "serving", "tracking")
COMPANIONS = frozenset({"prometheus", "grafana", "postgres"})
"""Kinds of services that come as images of others."""


@dataclass(frozen=True)
class Image:
    """`files` is the whole build context; `name` ends in its digest."""

    role: Role
    name: str
    files: Files


def image_role(node: Node) -> Role:
    """Which image a node runs in."""
    if node.kind == "serve":
        return "serving"
    return "tracking" if node.kind == "tracking" else "tasks"


def images_of(
    graph: Graph, root: Path, base: str, *, registry: str | None = None, place: str | None = None,
    always: Sequence[Role] = (),
) -> dict[str, Image]:  # fmt: skip
    """The images that a graph's nodes run in, by role. Raises ModelyardError for code that is not there.

    `registry` is where their names say that they are pushed to; `place` where the code lies in them, if that is the
    same for every folder of the project; `always` are roles to make an image for even where no node runs in one.
    """
    nodes: dict[Role, list[Node]] = {role: [] for role in ROLES}
    for node in graph.nodes.values():
        if node.kind not in COMPANIONS:
            nodes[image_role(node)].append(node)
    within = f"{(registry or 'modelyard').rstrip('/')}/{_plain(graph.project)}"
    return {
        role: _image(role, those, graph, root, base, within, place)
        for role, those in nodes.items()
        if those or role in always
    }


def _image(
    role: Role, nodes: Sequence[Node], graph: Graph, root: Path, base: str, within: str, place: str | None
) -> Image:
    from modelyard.targets.images.contexts import context_of  # a plan that has to build nothing is spared it

    files = context_of(role, nodes, graph, root, base)
    made_of = {path: digest_bytes(content) for path, content in sorted(files.items())}
    digest = digest_json({**made_of, "place": place} if place else made_of)
    return Image(role, f"{within}-{role}:{digest.removeprefix('b3:')[:12]}", files)


def _plain(project: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-") or "project"
