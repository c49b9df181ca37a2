"""What is ours on an engine beside containers, and what is not although it has our name."""

from typing import Any

from modelyard.errors import ModelyardError
from modelyard.targets.compose.names import Scope

_COMPOSE_PROJECT = "com.docker.compose.project"


def refuse_clash(client: Any, scope: Scope) -> None:
    """Raise ModelyardError where somebody else's Compose project has the name that ours would have."""
    name = scope.compose_name
    for data in client.containers(all=True, filters={"label": f"{_COMPOSE_PROJECT}={name}"}):
        if not scope.owns(data["Labels"]):
            where = data["Labels"].get("com.docker.compose.project.working_dir", "elsewhere")
            raise ModelyardError(
                f"another Compose project named `{name}` runs on this engine (from {where})",
                fix="give this one another `project` or environment name, or take that one down",
                code="name-clash",
            )


def remove_unused(client: Any, scope: Scope) -> None:
    """Take away networks and volumes of this scope that nothing is attached to any more."""
    from docker.errors import APIError

    filters = {"label": [f"{name}={value}" for name, value in scope.labels.items()]}
    for network in client.networks(filters=filters):
        if not client.inspect_network(network["Id"])["Containers"]:
            client.remove_network(network["Id"])
    for volume in client.volumes(filters=filters)["Volumes"] or ():
        try:
            client.remove_volume(volume["Name"])
        except APIError as error:
            if error.status_code != 409:  # in use
                raise
