"""The images of a project: one for its tasks, one for its servers, one for the tracking server. Pure and offline.

An image is its build context: what it is made from is its name, so that an unchanged one is never built again.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modelyard.about import own_version
from modelyard.digests import digest_bytes, digest_json
from modelyard.errors import ModelyardError
from modelyard.graph.lock import normal_name, read_lock
from modelyard.graph.model import CodeFile, Graph, Node
from modelyard.targets.base import Files
from modelyard.targets.images import labels
from modelyard.targets.images.bill import bill_of_materials
from modelyard.targets.images.requirements import needed, pinned
from modelyard.targets.images.wheel import own_wheel
from modelyard.targets.templates import render_folder

Role = Literal["tasks", "serving", "tracking"]
ROLES: tuple[Role, ...] = ("tasks", "serving", "tracking")
COMPANIONS = frozenset({"prometheus", "grafana", "postgres"})
"""Kinds of services that come as images of others."""
_LABELS = {
    "project": labels.PROJECT, "root": labels.ROOT, "role": labels.ROLE, "version": labels.VERSION,
}  # fmt: skip


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
    requirements = needed(role, nodes, graph, read_lock(root))
    constraints = pinned(requirements, read_lock(root))
    wheel_name, wheel = own_wheel()
    values = {
        "version": own_version(), "project": graph.project, "role": role, "base": base, "wheel": wheel_name,
        "labels": _LABELS, "opencv": _has_opencv(requirements, constraints),
    }  # fmt: skip
    files = {
        **render_folder("images", values),
        "requirements.txt": _lines(requirements),
        "constraints.txt": _lines(constraints),
        "sbom.cdx.json": bill_of_materials(f"{graph.project}-{role}", constraints),
        wheel_name: wheel,
        **_code(nodes, root),
    }
    made_of = {path: digest_bytes(content) for path, content in sorted(files.items())}
    digest = digest_json({**made_of, "place": place} if place else made_of)
    return Image(role, f"{within}-{role}:{digest.removeprefix('b3:')[:12]}", files)


def _has_opencv(*lists: Sequence[str]) -> bool:
    """It opens windows, and so wants two libraries of the system that slim bases lack."""
    found = {normal_name(requirement) for listed in lists for requirement in listed}
    return bool(found & {"opencv-python", "opencv-contrib-python", "ultralytics"})


def _code(nodes: Sequence[Node], root: Path) -> Mapping[str, bytes]:
    """The user's files that the nodes run, under `project/`, which is there even where it is empty."""
    code: dict[str, CodeFile] = {file.path: file for node in nodes for file in node.code}
    files = {"project/.keep": b""}
    for path in sorted(code):
        try:
            files[f"project/{path}"] = (root / path).read_bytes()
        except OSError as error:
            raise ModelyardError(f"{path} cannot be read: {error.strerror}", code="no-code") from error
    return files


def _lines(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _plain(project: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-") or "project"
