"""`target: {kubernetes: {expose: …}}`: how endpoints are reached from outside of the project."""

from typing import Annotated

from pydantic import Field

from modelyard.spec.model.base import ListOrOne, Section, table_of
from modelyard.spec.model.object_names import Domain, Namespace, ObjectName
from modelyard.spec.model.values import Text


class Ingress(Section):
    """An Ingress an endpoint."""

    class_: ObjectName = Field(alias="class", description="The IngressClass.", examples=["nginx"])
    tls: ObjectName | None = Field(
        default=None, description="The Secret that holds the certificate.", examples=["models-tls"]
    )
    annotations: dict[str, Text] = Field(
        default_factory=dict,
        description="What the controller wants to know.",
        examples=[{"cert-manager.io/cluster-issuer": "letsencrypt"}],
    )
    controller: Namespace | None = Field(
        default=None,
        description="The namespace of the controller's pods; only these are let through to the servers.",
        examples=["ingress-nginx"],
    )


class Gateway(Section):
    """An HTTPRoute an endpoint, at a Gateway that is there."""

    name: ObjectName = Field(description="The Gateway.", examples=["public"])
    namespace: Namespace | None = Field(default=None, description="Its namespace.", examples=["gateways"])
    section: ObjectName | None = Field(default=None, description="One of its listeners.", examples=["https"])
    controller: Namespace | None = Field(
        default=None,
        description="The namespace of the pods that it forwards with; only these are let through to the servers.",
        examples=["envoy-gateway-system"],
    )


class Expose(Section):
    """Who reaches the endpoints from outside of the project."""

    domain: Domain | None = Field(
        default=None,
        description="`serving.api` answers at `api.` and this.",
        examples=["models.example.com"],
    )
    ingress: Annotated[Ingress, table_of("class")] | None = Field(
        default=None, description="By Ingress: its class, or a table.", examples=["nginx"]
    )
    gateway: Annotated[Gateway, table_of("name")] | None = Field(
        default=None, description="By Gateway API: the Gateway's name, or a table.", examples=["public"]
    )
    clients: Annotated[tuple[Namespace, ...], ListOrOne] = Field(
        default=(), description="Namespaces whose pods may ask the endpoints directly.", examples=[["shop"]]
    )
    metrics: Namespace | None = Field(
        default=None, description="The namespace of the Prometheus that reads `/metrics`.", examples=["monitoring"]
    )
