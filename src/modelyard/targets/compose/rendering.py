"""`compose.yaml` and what goes with it. Pure: the same graph and the same settings give the same bytes."""

import json
from collections.abc import Mapping, Sequence

from modelyard.about import own_version
from modelyard.errors import ModelyardError
from modelyard.graph.fingerprint import service_fingerprint
from modelyard.graph.model import Graph
from modelyard.targets.compose import names
from modelyard.targets.compose.companions import companions_of, networks_of, observing_files
from modelyard.targets.compose.definition import CLIENTS, EDGE, KEPT, SOCKET, Service, plain_document, service_of
from modelyard.targets.compose.secret_files import secrets_folder
from modelyard.targets.images import Image, image_role, labels
from modelyard.targets.templates import render_folder
from modelyard.task import TaskDocument


def services_of(graph: Graph) -> list[Service]:
    """What `docker compose up` starts: a container each service, and no two at one port. Raises ModelyardError.

    A service that starts from another node's result is left to `apply`, which knows that result.
    """
    found = [
        service_of(node, service_fingerprint(node, {}), image_role(node), graph.settings)
        for node in graph.nodes.values()
        if node.role == "service" and all(ref.follow for ref in node.inputs.values())
    ]
    ports: dict[int, str] = {}
    for service in found:
        if service.published and ports.setdefault(service.published, service.address) != service.address:
            raise ModelyardError(
                f"{service.address} and {ports[service.published]} both want port {service.published}",
                address=service.address, fix=f"give {service.address} a `port` of its own", code="port-taken",
            )  # fmt: skip
    return found


def render_graph(
    graph: Graph, scope: names.Scope, images: Mapping[str, Image], base: str, user: str
) -> dict[str, bytes]:
    """All files: `compose.yaml`, `.env`, the images' build contexts, and a document a service."""
    services = services_of(graph)
    documents = {
        service.address: plain_document(
            graph.nodes[service.address], service, graph.project, graph.environment, graph.settings
        )
        for service in services
    }
    return render_files(scope, services, documents, images, base, user)


def render_files(
    scope: names.Scope,
    services: Sequence[Service],
    documents: Mapping[str, TaskDocument],
    images: Mapping[str, Image],
    base: str,
    user: str,
    proxies: str = "",
) -> dict[str, bytes]:
    """`proxies` is a file of variables, where this machine has some."""
    services = sorted(services, key=lambda service: service.address)
    _refuse_one_name(services)
    own = [service for service in services if not service.is_companion]
    companions = companions_of(services)
    volumes = list(dict.fromkeys(name for service in services for name in service.volumes))
    values = {
        "version": own_version(),
        "project": scope.project,
        "environment": scope.environment,
        "name": scope.compose_name,
        "scope": {
            labels.PROJECT: json.dumps(scope.project),
            names.ENVIRONMENT: json.dumps(scope.environment),
            labels.ROOT: '"${MODELYARD_ROOT}"',
        },
        "labels": {
            "address": names.ADDRESS, "fingerprint": names.FINGERPRINT, "part": names.PART, "url": names.URL,
            "keep": names.KEEP,
        },
        "services": services,
        "own": own,
        "companions": companions,
        "edge": EDGE,
        "clients": CLIENTS if any(CLIENTS in service.networks for service in own) else "",
        "companion_networks": networks_of(companions),
        "memory_volumes": [name for name in volumes if name not in KEPT],
        "kept_volumes": [name for name in volumes if name in KEPT],
        "socket": SOCKET,
        "images": images,
        "base": base,
        "root": str(scope.root),
        "user": user,
        "group": user.partition(":")[2],
        "scratch": scope.scratch,
        "proxies": proxies,
        "secrets_folder": str(secrets_folder(scope)),
        "secrets": sorted({name for service in services for name in service.secret_files}),
    }  # fmt: skip
    files = render_folder("compose", values)
    check(files["compose.yaml"])
    for image in images.values():
        files |= {f"images/{image.role}/{path}": content for path, content in image.files.items()}
    for service in own:
        files[f"nodes/{service.address}.json"] = _json(documents[service.address].to_json())
    for service in services:
        if service.kind == "prometheus":
            files |= observing_files(scope, services, documents[service.address].node["config"]["endpoints"])
    return dict(sorted(files.items()))


def _refuse_one_name(services: Sequence[Service]) -> None:
    """Raise ModelyardError where two would be called the same: `serving.tracking`, and `tracking` itself."""
    called: dict[str, str] = {}
    for service in services:
        for name in {service.name, service.container}:
            if (other := called.setdefault(name, service.address)) != service.address:
                raise ModelyardError(
                    f"{service.address} and {other} would both be called `{name}`",
                    address=service.address, fix="give one of them another name", code="name-clash",
                )  # fmt: skip


def check(text: bytes) -> None:
    """Refuse a file that is no YAML before anybody writes it: that is a mistake of ours."""
    import yaml

    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ModelyardError(f"the template of compose.yaml makes no YAML: {error}", code="template") from error
    if not isinstance(data, dict) or "services" not in data:
        raise ModelyardError("the template of compose.yaml names no services", code="template")


def _json(data: object) -> bytes:
    return (json.dumps(data, indent=1, ensure_ascii=False, default=dict) + "\n").encode()
