"""What the state needs of a cluster, and the shapes of the objects that it keeps there."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Object = dict[str, Any]

SLOTS = 2
CHUNKS = 16
"""Of one slot. Names are few and fixed, for a Role to name: rights on all Secrets of a namespace would be too much."""


class Objects(Protocol):
    """Secrets and Leases of one namespace. Raises ModelyardError where the cluster does not answer or refuses."""

    def get(self, kind: str, name: str) -> Object | None: ...

    def create(self, obj: Object) -> Object | None:
        """As it is now; None where there is one of that name."""
        ...

    def replace(self, obj: Object) -> Object | None:
        """As it is now; None where it is no longer of the given `resourceVersion`, or gone."""
        ...


@dataclass(frozen=True)
class ClusterPlace:
    """Where a state is: `name` begins the names of its objects, which carry `labels` and `annotations`."""

    objects: Objects
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    def secret(self, suffix: str, data: Mapping[str, bytes], version: str | None) -> Object:
        """`version` None: it is to be made."""
        coded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        return {**self._object("v1", "Secret", suffix, version), "type": "modelyard.dev/state", "data": coded}

    def lease(self, spec: Mapping[str, Any], about: Mapping[str, str], version: str | None) -> Object:
        lease = self._object("coordination.k8s.io/v1", "Lease", "", version)
        lease["metadata"]["annotations"] |= about
        return {**lease, "spec": dict(spec)}

    def _object(self, api: str, kind: str, suffix: str, version: str | None) -> Object:
        metadata: Object = {"name": f"{self.name}{suffix}", "labels": {**self.labels}}
        metadata["annotations"] = dict(self.annotations)
        if version is not None:
            metadata["resourceVersion"] = version
        return {"apiVersion": api, "kind": kind, "metadata": metadata}

    def write(self, obj: Object) -> Object | None:
        """None where somebody else was faster."""
        return (self.objects.replace if "resourceVersion" in obj["metadata"] else self.objects.create)(obj)


def state_names(name: str) -> tuple[list[str], list[str]]:
    """Of the Secrets and of the Leases that a state may be made of: what the rights of its writers name."""
    return [name, *(f"{name}{chunk_suffix(slot, n)}" for slot in range(SLOTS) for n in range(CHUNKS))], [name]


def chunk_suffix(slot: int, number: int) -> str:
    return f"-{slot * CHUNKS + number}"


def version_of(obj: Object | None) -> str | None:
    return str(obj["metadata"]["resourceVersion"]) if obj else None


def data_of(secret: Mapping[str, Any]) -> dict[str, bytes]:
    return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}
