"""Images of one project that an engine holds: how large they are, and which of them are too many."""

from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from modelyard.targets.images import labels

KEPT = 3
_MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Held:
    """`created` in seconds since 1970. An image that lost its name to a later one has no tags."""

    id: str
    tags: tuple[str, ...]
    role: str
    created: int
    size: int


def megabytes(size: int) -> str:
    return f"{size / _MEGABYTE:.0f} MB"


def held(client: Any, project: str, root: str) -> list[Held]:
    """Those that were built for the project in this folder, the newest first."""
    filters = {"label": [f"{labels.PROJECT}={project}", f"{labels.ROOT}={root}"]}
    found = [
        Held(data["Id"], _tags(data), data["Labels"][labels.ROLE], data["Created"], data["Size"])
        for data in client.images(filters=filters)
        if labels.ROLE in (data["Labels"] or {})
    ]
    return sorted(found, key=lambda one: -one.created)


def sweep_images(client: Any, project: str, root: str, named: Collection[str] = (), keep: int = KEPT) -> list[Held]:
    """Take away all but the newest `keep` of each role, what is `named`, and what any container was made from.

    What was taken away. An engine that refuses keeps its image: it may be in use in a way that we do not see.
    """
    from docker.errors import APIError

    used = {data["ImageID"] for data in client.containers(all=True)}
    swept, counts = [], Counter[str]()
    for one in held(client, project, root):
        counts[one.role] += bool(one.tags)
        if (one.tags and counts[one.role] <= keep) or one.id in used or set(one.tags).intersection(named):
            continue
        with suppress(APIError):
            for name in one.tags or (one.id,):
                client.remove_image(name)
            swept.append(one)
    return swept


def _tags(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Engines tell of a name that is lost as `<none>:<none>`."""
    return tuple(tag for tag in data["RepoTags"] or () if not tag.startswith("<none>"))
