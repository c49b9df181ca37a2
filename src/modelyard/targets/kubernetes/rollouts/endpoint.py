"""An endpoint that rolls out, deployed: which version it is to have, and those whom a rollout that failed is told."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.graph.model import Node
from modelyard.notifications import broadcast
from modelyard.secrets import resolve
from modelyard.store import Store
from modelyard.targets.base import Deployment, LiveService, OnEvent
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.differing import digest_of
from modelyard.targets.kubernetes.fields import APPLIED
from modelyard.targets.kubernetes.kinds import Object
from modelyard.targets.kubernetes.manifests.secrets import inside
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.observing import live_service
from modelyard.targets.kubernetes.operators.knative import INFERENCE_SERVICE, of_version
from modelyard.targets.kubernetes.rollouts.measuring import read_servers
from modelyard.targets.kubernetes.rollouts.rolling import Rolling
from modelyard.targets.kubernetes.rollouts.steps import Rollout


def roll_out(
    api: Api, scope: Scope, deployment: Deployment, objects: Sequence[Object], on_event: OnEvent
) -> LiveService:
    """Raises ModelyardError, code `rolled-back`, when the version before has all requests again."""
    node, settings = deployment.node, {**deployment.document.settings}
    settings["secrets"] = inside(settings)
    version = _version(deployment, settings)
    service = next(obj for obj in objects if obj["kind"] == INFERENCE_SERVICE.name)
    wanted = of_version(service, version)
    wanted["metadata"]["annotations"][APPLIED] = digest_of(wanted)
    read = partial(read_servers, token=_token(node, settings))
    try:
        made = Rolling(api, scope, Rollout.of(node.config), wanted, on_event, read, deployment.cancel).run()
    except ModelyardError as error:
        if error.code == "rolled-back":
            _tell(error, f"{scope.project}: {node.address} rolled back", settings, on_event)
        raise
    return live_service(made)


def _version(deployment: Deployment, settings: Mapping[str, Any]) -> str:
    """The one that is promoted now, or that the spec pins."""
    config = deployment.node.config
    if config.get("version") is not None:
        return str(config["version"])
    store = Store.open(deployment.document.store, Path(deployment.document.root), settings)
    channel = f"registry/{config['model']}/{config.get('stage', 'production')}"
    record = store.get_ref(channel)
    if not record:
        raise ModelyardError(
            f"no version of {config['model']} has been promoted yet", address=deployment.node.address,
            fix=f"its gates have to pass: `modelyard status` tells what became of registry.{config['model']}",
            code="service-failed",
        )  # fmt: skip
    return str(record["version"])


def _token(node: Node, settings: Mapping[str, Any]) -> str | None:
    for text in (node.config.get("auth") or {}).get("tokens", ()):
        for token in resolve(text, settings).split(","):
            if token.strip():
                return str(token.strip())
    return None


def _tell(error: ModelyardError, title: str, settings: Mapping[str, Any], on_event: OnEvent) -> None:
    for told in broadcast(settings.get("notifications") or {}, "failure", title, error.what, settings=settings):
        if not told.sent:
            on_event({"event": "warning", "text": f"{told.channel} was not told: {told.error}"})
