"""How large the images of services are, for the lines of a plan."""

from collections.abc import Callable, Mapping, Sequence

from modelyard.graph.model import Graph
from modelyard.targets.compose.definition import Service
from modelyard.targets.docker.engine_socket import EngineSocket
from modelyard.targets.images import COMPANIONS, image_role
from modelyard.targets.images.kept import Held, megabytes


def image_notes(
    graph: Graph, known: Mapping[str, Service], engine: EngineSocket, built: Callable[[], Sequence[Held]]
) -> dict[str, str]:
    """Of each service: the image that it was deployed with, else the one built last for what it does.

    An engine with many images is slow to list them (`built`, the newest first), and quick to tell of one by its name.
    """
    deployed: dict[str, int] = {}
    newest: dict[str, int] | None = None
    notes = {}
    for node in graph.nodes.values():
        if node.role != "service" or node.kind in COMPANIONS:
            continue
        name = known[node.address].image if node.address in known else ""
        if name and name not in deployed:
            deployed[name] = int((engine.has_image(name) or {}).get("Size") or 0)
        size = deployed.get(name, 0)
        if not size:
            newest = {one.role: one.size for one in reversed(built())} if newest is None else newest
            size = newest.get(image_role(node), 0)
        if size:
            notes[node.address] = f"image {megabytes(size)}"
    return notes
