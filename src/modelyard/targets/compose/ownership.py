"""What is ours on an engine beside containers, and what is not although it has our name."""

from collections.abc import Collection
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.targets.compose.names import KEEP, Scope

_COMPOSE_PROJECT = "com.docker.compose.project"


def refuse_clash(client: Any, scope: Scope, volumes: Collection[str] = ()) -> None:
    """Raise ModelyardError where somebody else's Compose project has the name that ours would have.

    `volumes` are those that are about to be used, as the engine calls them: one that is not ours holds others' data.
    """
    name = scope.compose_name
    mine = {"label": f"{_COMPOSE_PROJECT}={name}"}
    for data in client.containers(all=True, filters=mine):
        if not scope.owns(data["Labels"]):
            where = data["Labels"].get("com.docker.compose.project.working_dir", "elsewhere")
            raise ModelyardError(
                f"another Compose project named `{name}` runs on this engine (from {where})",
                fix="give this one another `project` or environment name, or take that one down",
                code="name-clash",
            )
    left = [("volume", one) for one in (*(client.volumes(filters=mine)["Volumes"] or ()), *_named(client, volumes))]
    left += [("network", one) for one in client.networks(filters=mine)]
    for kind, one in left:
        if not scope.owns(one["Labels"]):
            raise ModelyardError(
                f"the {kind} {one['Name']} is another project's",
                fix=f"give this one another `project` or environment name, or `docker {kind} rm {one['Name']}`",
                code="name-clash",
            )


def _named(client: Any, names: Collection[str]) -> list[dict[str, Any]]:
    """The engine's filter takes parts of names too."""
    found = client.volumes(filters={"name": list(names)})["Volumes"] or () if names else ()
    return [volume for volume in found if volume["Name"] in names]


def remove_unused(client: Any, scope: Scope, data: bool = False) -> None:
    """Take away networks and volumes of this scope that nothing is attached to any more.

    Volumes that hold data go with `data` only.
    """
    from docker.errors import APIError

    filters = {"label": [f"{name}={value}" for name, value in scope.labels.items()]}
    for network in client.networks(filters=filters):
        if not client.inspect_network(network["Id"])["Containers"]:
            client.remove_network(network["Id"])
    for volume in client.volumes(filters=filters)["Volumes"] or ():
        if KEEP in (volume["Labels"] or {}) and not data:
            continue
        try:
            client.remove_volume(volume["Name"])
        except APIError as error:
            if error.status_code != 409:  # in use
                raise
