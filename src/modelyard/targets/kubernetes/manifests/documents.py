"""NODE.json as a pod reads it: the project is at `/project`, secrets are variables, tracking is a server."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.graph.codec import node_to_json
from modelyard.graph.model import Graph, Node
from modelyard.targets.kubernetes.manifests.secrets import inside as secrets_inside
from modelyard.targets.kubernetes.manifests.sheet import Sheet, head_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.ports import PORTS
from modelyard.task import TaskDocument
from modelyard.urls import is_local

ROOT = "/project"
STATE = f"{ROOT}/.modelyard"
FOLDER = "/etc/modelyard"
DOCUMENT = f"{FOLDER}/node.json"
MOST = 1_000_000
"""Bytes of a ConfigMap's text, base64's too: the API server takes 1 MiB of the whole."""


def tracking_uri(scope: Scope, uri: str | None) -> str:
    """Where tasks record their runs: the server that the spec names, or the one that is deployed."""
    return str(uri) if uri and not is_local(uri) else f"http://{scope.name('tracking')}:{PORTS['tracking']}"


def in_pod(document: TaskDocument, scope: Scope) -> TaskDocument:
    """The same work, told with the paths and the addresses of a pod."""
    node, settings = dict(document.node), dict(document.settings)
    port = PORTS.get(node["kind"])
    if port and node["role"] == "service":
        node["config"] = {**node["config"], "port": port}
    tracking = dict(document.tracking)
    if node["kind"] != "tracking":
        tracking["uri"] = tracking_uri(scope, tracking.get("uri"))
        settings["tracking"] = {**(settings.get("tracking") or {}), "uri": tracking["uri"]}
    settings["secrets"] = secrets_inside(settings)
    store = {**document.store, "path": ".modelyard/store"}
    settings["store"] = {**(settings.get("store") or {}), "path": ".modelyard/store"}
    return replace(
        document,
        root=ROOT,
        node=node,
        store=store,
        workdir=_moved(document.workdir, document.root),
        result=_moved(document.result, document.root),
        tracking=tracking,
        settings=settings,
    )


def _moved(path: str, root: str) -> str:
    given = PurePosixPath(path)
    if given.is_relative_to(root):
        return str(PurePosixPath(ROOT) / given.relative_to(root))
    return str(given if given.is_absolute() else PurePosixPath(ROOT) / given)


def plain_document(node: Node, fingerprint: str, graph: Graph) -> TaskDocument:
    """What a node starts from where nothing is known but the graph."""
    settings = graph.settings
    workdir = f".modelyard/work/{fingerprint.removeprefix('b3:')}"
    return TaskDocument(
        project=graph.project,
        root=ROOT,
        node=node_to_json(node),
        fingerprint=fingerprint,
        run_id="rendered",
        inputs={},
        store=dict(settings.get("store") or {}),
        workdir=workdir,
        result=f"{workdir}/result-1.json",
        environment=graph.environment,
        tracking=dict(settings.get("tracking") or {}),
        settings=dict(settings),
    )


def add_document(sheet: Sheet, node: Node, document: TaskDocument) -> str:
    """The ConfigMap of a service; its name changes with what it says, and with it the pods are replaced."""
    scope = sheet.scope
    workdir = f"/tmp/modelyard/{node.address}"  # noqa: S108 - each pod has its own, and models are written there
    told = replace(in_pod(document, scope), workdir=workdir, result=f"{workdir}/result.json", run_id="service")
    text = as_text(told)
    name = f"{scope.name(node.address)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    sheet.add("ConfigMap", name, head_of(scope, node, document.fingerprint), document=text, graph=None)
    return name


def as_text(document: TaskDocument) -> str:
    """The text of a ConfigMap's key: ASCII, which YAML takes as it is. Raises ModelyardError for one too large."""
    parts = sorted(document.to_json().items())
    lines = [f'  "{key}": {json.dumps(value, default=_plain)}' for key, value in parts]
    text = "{\n" + ",\n".join(lines) + "\n}"
    if len(text) > MOST:
        address = str(document.node["address"])
        raise ModelyardError(
            f"what {address} is told is {len(text) / 1e6:.1f} MB, and a ConfigMap holds one",
            address=address,
            fix="put large values of its `params` into a file of the project",
            code="too-large",
        )
    return text


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else list(value)
