"""The images of a project for a cluster: given by name, or made of its code and pushed, then named by their digest."""

from pathlib import Path

from modelyard.graph.model import Graph
from modelyard.targets.images import Image, images_of
from modelyard.targets.images.pushing import Pushed
from modelyard.targets.kubernetes.manifests.documents import ROOT
from modelyard.targets.kubernetes.settings import Cluster


def images_to_build(graph: Graph, root: Path, cluster: Cluster) -> dict[str, Image]:
    """By role. The one of tasks is always there: the run itself is in it."""
    found = images_of(
        graph, root, cluster.base, registry=cluster.registry, place=ROOT, always=["tasks"]
    )  # fmt: skip
    return {role: image for role, image in found.items() if role not in cluster.images}


def image_names(graph: Graph, root: Path, cluster: Cluster) -> dict[str, str]:
    """By role, as manifests say them: with its digest, where the image was pushed from this folder."""
    pushed = Pushed(root)
    made = {role: pushed.pinned(image.name) for role, image in images_to_build(graph, root, cluster).items()}
    return {**made, **cluster.images}
