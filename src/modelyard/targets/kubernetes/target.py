"""The Kubernetes target: tasks as Jobs, services as Deployments and the like, in one namespace of one cluster."""

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from modelyard.graph.model import Graph, Node
from modelyard.targets.base import Deployment, Files, Live, LiveService, OnEvent
from modelyard.targets.images import image_role
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.cluster_images import image_names
from modelyard.targets.kubernetes.connecting import in_pod
from modelyard.targets.kubernetes.deploying import Services
from modelyard.targets.kubernetes.executor import KubernetesExecutor
from modelyard.targets.kubernetes.manifests import objects_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.observing import live_services, survey
from modelyard.targets.kubernetes.operators import kinds_of_runs
from modelyard.targets.kubernetes.pruning import destroy
from modelyard.targets.kubernetes.rendering import render_files
from modelyard.targets.kubernetes.settings import Cluster


class KubernetesTarget:
    """See `modelyard.targets.base.Target`. The cluster is asked when it is first needed, not to render."""

    name = "kubernetes"

    def __init__(self, graph: Graph, root: Path, settings: Mapping[str, Any] | None = None) -> None:
        self._graph = graph
        self._root = root.resolve()
        self._cluster = Cluster.from_settings(settings or {})
        self._scope = Scope(graph.project, graph.environment or "default", self._cluster.namespace)

    def render(self, graph: Graph) -> Files:
        return render_files(graph, self._scope, self._cluster, image_names(graph, self._root, self._cluster))

    def observe(self, graph: Graph) -> Live:
        """What others changed of what is applied with the graph is seen too. The run in the cluster does not ask."""
        if in_pod(os.environ) or not graph.nodes:
            return Live(live_services(self._api, self._scope, kinds_of_runs(self._cluster)))
        seen = survey(self._api, self._scope, self._objects(graph), kinds_of_runs(self._cluster))
        return Live(seen.services, objects=seen.changes)

    def executor(self) -> KubernetesExecutor:
        return self._executor

    def deploy(self, deployment: Deployment, on_event: OnEvent) -> LiveService:
        return self._services.deploy(deployment, on_event)

    def remove(self, address: str, on_event: OnEvent) -> None:
        self._services.remove(address, on_event)

    def sweep(self, volumes: bool = False) -> None:
        """Also what services share, once none of them is left: accounts, policies, quotas."""
        self._executor.sweep()
        if not live_services(self._api, self._scope, kinds_of_runs(self._cluster)):
            destroy(self._api, self._scope, lambda event: None, data=volumes)

    def log(self, address: str, number: int = 0, follow: bool = False) -> Iterator[str]:
        return self._services.log(address, number, follow)

    def _objects(self, graph: Graph) -> list[dict[str, Any]]:
        return objects_of(graph, self._scope, self._cluster, image_names(graph, self._root, self._cluster))

    def _image_of(self, node: Node) -> str:
        role = image_role(node)
        return self._cluster.images.get(role) or self._images[role]

    @cached_property
    def _images(self) -> dict[str, str]:
        return image_names(self._graph, self._root, self._cluster)

    @cached_property
    def _api(self) -> Api:
        return Api.connect(self._cluster.context, self._scope.namespace)

    @cached_property
    def _services(self) -> Services:
        return Services(
            self._api, self._scope, self._cluster, self._graph, self._image_of, in_pod=in_pod(os.environ)
        )  # fmt: skip

    @cached_property
    def _executor(self) -> KubernetesExecutor:
        return KubernetesExecutor(self._api, self._scope, self._cluster, self._image_of)


def open_kubernetes(graph: Graph, root: Path, settings: Mapping[str, Any]) -> KubernetesTarget:
    return KubernetesTarget(graph, root, settings)
