"""The images that an environment's target runs: built where the engine has them not, and pushed to their registry."""

import threading
from dataclasses import dataclass
from pathlib import Path

from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph
from modelyard.targets.base import OnEvent
from modelyard.targets.docker.engine import Engine
from modelyard.targets.images import Image, images_of
from modelyard.targets.images.pushing import Pushed, push, pushed_digest
from modelyard.targets.images.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Built:
    """`bytes` is 0 where the image is in its registry and not here; `digest` empty where it was not pushed."""

    role: str
    name: str
    bytes: int = 0
    digest: str = ""


@dataclass(frozen=True)
class _Wanted:
    images: dict[str, Image]
    root: str
    base: str
    registry: str | None
    context: str | None


def build_images(
    graph: Graph, root: Path, on_event: OnEvent, cancel: threading.Event, *, pushing: bool = False
) -> list[Built]:
    """Build what is missing, and with `pushing` push it; what a registry has already is neither built nor sent.

    Raises ModelyardError, code `no-images` for a target that runs none, `no-registry-named` where there is none.
    """
    wanted = _wanted(graph, root)
    if pushing and not wanted.registry and wanted.images:
        target = next(iter(graph.target))
        fix = f"say `target: {{{target}: {{registry: registry.example.com/team}}}}`"
        raise ModelyardError("there is no registry to push to", address="target", fix=fix, code="no-registry-named")
    if not wanted.images:
        return []
    engine = Engine.connect(wanted.context)
    there = {role: pushed_digest(engine, image.name) for role, image in wanted.images.items()} if pushing else {}
    missing = [image for role, image in wanted.images.items() if not there.get(role)]
    if missing:
        name = graph.environment or "default"
        workshop = Workshop(root / ".modelyard" / "build" / name, "modelyard-build", wanted.root, wanted.base)
        workshop.build(engine, missing, on_event, cancel, wanted.context)
    return [
        _built(engine, image, root, there.get(role), on_event, cancel, pushing) for role, image in wanted.images.items()
    ]


def _built(
    engine: Engine, image: Image, root: Path, there: str | None, on_event: OnEvent, cancel: threading.Event,
    pushing: bool,
) -> Built:  # fmt: skip
    digest = there or (push(engine, image.name, on_event, cancel) if pushing else "")
    if digest:
        Pushed(root).note(image.name, digest)
    return Built(image.role, image.name, int((engine.has_image(image.name) or {}).get("Size") or 0), digest)


def _wanted(graph: Graph, root: Path) -> _Wanted:
    target, settings = next(iter(graph.target.items()))
    settings = settings or {}
    registry, context = settings.get("registry"), settings.get("context")
    if target == "compose":
        from modelyard.targets.compose.target import BASE

        base = str(settings.get("base") or BASE)
        return _Wanted(images_of(graph, root, base, registry=registry), str(root.resolve()), base, registry, context)
    if target == "kubernetes":
        from modelyard.targets.kubernetes.cluster_images import images_to_build
        from modelyard.targets.kubernetes.manifests.documents import ROOT
        from modelyard.targets.kubernetes.settings import Cluster

        cluster = Cluster.from_settings(settings)
        # `context` is the cluster's: images are built by this machine's own engine.
        return _Wanted(images_to_build(graph, root, cluster), ROOT, cluster.base, registry, None)
    fix = "choose an environment whose target is compose or kubernetes (`-e`)"
    raise ModelyardError(f"target {target} runs no images", address="target", fix=fix, code="no-images")
