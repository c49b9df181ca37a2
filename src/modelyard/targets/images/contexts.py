"""What an image is built from: its Dockerfile, requirements, Modelyard's own wheel, and the project's code."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from modelyard.about import own_version
from modelyard.errors import ModelyardError
from modelyard.graph.lock import normal_name, read_lock
from modelyard.graph.model import CodeFile, Graph, Node
from modelyard.targets.base import Files
from modelyard.targets.images import labels
from modelyard.targets.images.bill import bill_of_materials
from modelyard.targets.images.requirements import needed, pinned
from modelyard.targets.images.wheel import own_wheel
from modelyard.targets.templates import render_folder

_LABELS = {
    "project": labels.PROJECT, "root": labels.ROOT, "role": labels.ROLE, "version": labels.VERSION,
}  # fmt: skip


def context_of(role: str, nodes: Sequence[Node], graph: Graph, root: Path, base: str) -> Files:
    """The whole build context of the image that `nodes` run in. Raises ModelyardError for code that is not there."""
    lock = read_lock(root)
    requirements = needed(role, nodes, graph, lock)
    constraints = pinned(requirements, lock)
    wheel_name, wheel = own_wheel()
    values = {
        "version": own_version(), "project": graph.project, "role": role, "base": base, "wheel": wheel_name,
        "labels": _LABELS, "opencv": _has_opencv(requirements, constraints),
    }  # fmt: skip
    return {
        **render_folder("images", values),
        "requirements.txt": _lines(requirements),
        "constraints.txt": _lines(constraints),
        "sbom.cdx.json": bill_of_materials(f"{graph.project}-{role}", constraints),
        wheel_name: wheel,
        **_code(nodes, root),
    }


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
