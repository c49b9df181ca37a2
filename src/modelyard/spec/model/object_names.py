"""Names in a cluster: what the API server takes, said at the line where it is written."""

from typing import Annotated

from pydantic import Field

from modelyard.spec.model.base import Matching

_DOMAIN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"
_LABEL = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_NETWORK = r"^[0-9a-fA-F.:]+/[0-9]{1,3}$"
_OBJECT = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
_LETTERS = "of lower case letters, digits and `-`, with a letter or a digit at both ends"
_REGISTRY = r"^[a-z0-9][A-Za-z0-9._:/-]*$"
ObjectName = Annotated[str, Matching(_OBJECT, "object_name", f"not the name of an object; it is {_LETTERS}; also `.`")]
Namespace = Annotated[str, Matching(_LABEL, "namespace", f"not a namespace; it is {_LETTERS}")]
Network = Annotated[str, Matching(_NETWORK, "network", "not a network; write 10.0.0.2/32")]
Port = Annotated[int, Field(ge=1, le=65535)]
Domain = Annotated[str, Matching(_DOMAIN, "domain", "not a domain; write models.example.com")]
Registry = Annotated[
    str, Matching(_REGISTRY, "registry", "not a registry; write registry.example.com/ml, without https://")
]
