"""One service at a time: applied, waited for, and put back as it was where it does not come up."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph, Node
from modelyard.targets.base import Deployment, LiveService, OnEvent
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.applying import apply_objects, apply_one
from modelyard.targets.kubernetes.differing import address_of
from modelyard.targets.kubernetes.explaining import pods_of
from modelyard.targets.kubernetes.held import as_it_was
from modelyard.targets.kubernetes.inventory import DATA, Inventory, identity_of
from modelyard.targets.kubernetes.kinds import CONFIG_MAP, JOB, POD, Object, kind_of, name_of, selector_of
from modelyard.targets.kubernetes.manifests import deployed_with_graph, service_objects
from modelyard.targets.kubernetes.manifests.documents import plain_document
from modelyard.targets.kubernetes.names import FINGERPRINT, Scope
from modelyard.targets.kubernetes.observing import WORKLOADS, is_workload, live_services
from modelyard.targets.kubernetes.operators import kinds_of_runs
from modelyard.targets.kubernetes.operators.knative import made_by_run, rolls_out
from modelyard.targets.kubernetes.operators.seldon2 import (
    LOGS,
    MODEL,
    changed_by,
    loads_models,
    told_of_version,
    wait_until_seen,
)
from modelyard.targets.kubernetes.ownership import refuse_foreign
from modelyard.targets.kubernetes.pruning import wait_until_gone
from modelyard.targets.kubernetes.rollouts.endpoint import roll_out
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.targets.kubernetes.statuses import born
from modelyard.targets.kubernetes.waiting import wait_until_ready


@dataclass(frozen=True)
class Services:
    """`image_of` names a node's image. `in_pod`: what is applied with the graph is there, and only waited for."""

    api: Api
    scope: Scope
    cluster: Cluster
    graph: Graph
    image_of: Callable[[Node], str]
    in_pod: bool = False

    def deploy(self, deployment: Deployment, on_event: OnEvent) -> LiveService:
        node = deployment.node
        if node.kind == "serve" and loads_models(self.cluster):
            node = told_of_version(node, deployment.document)
            deployment = replace(deployment, node=node)
        objects = self.objects(deployment)
        if rolls_out(node):
            return self._roll_out(deployment, objects, on_event)
        if self.in_pod and deployed_with_graph(node):
            wanted = [obj for obj in objects if is_workload(obj)]
            self._refuse_other(wanted, deployment.document.fingerprint)
            wait_until_ready(self.api, self.scope, wanted, on_event, cancel=deployment.cancel)
            return self._live(node.address)
        before = self._mine(node.address)
        try:
            self._apply(objects, with_graph=deployed_with_graph(node), on_event=on_event)
            self._wait_for_operators(before, objects, on_event)
            wanted = [obj for obj in objects if is_workload(obj)]
            wait_until_ready(self.api, self.scope, wanted, on_event, cancel=deployment.cancel)
        except ModelyardError:
            self._put_back(before, objects)
            raise
        self._drop(before, objects)
        return self._live(node.address)

    def _roll_out(self, deployment: Deployment, objects: Sequence[Object], on_event: OnEvent) -> LiveService:
        """What is applied with the graph is there; what each earlier version was told stays until this one serves."""
        made = [obj for obj in objects if made_by_run(obj)]
        told = [obj for obj in made if kind_of(obj) == CONFIG_MAP]
        self._apply(told, with_graph=False, on_event=on_event)
        live = roll_out(self.api, self.scope, deployment, made, on_event)
        self._drop([obj for obj in self._mine(deployment.node.address) if kind_of(obj) == CONFIG_MAP], told)
        return live

    def objects(self, deployment: Deployment) -> list[Object]:
        """Of a service that begins with nothing that a task made, the same as those that are applied with the graph.

        What changes with each apply (the commit, followed versions) is not told to it: that would replace its pods.
        """
        node, document = deployment.node, deployment.document
        if deployed_with_graph(node) or rolls_out(node):
            document = plain_document(node, document.fingerprint, self.graph)
        return service_objects(node, document, self.graph, self.scope, self.cluster, self.image_of(node))

    def remove(self, address: str, on_event: OnEvent) -> None:
        """All that is at an address, but for claims: they hold data. What is gone is no error."""
        gone = [obj for obj in self._mine(address) if obj["kind"] != DATA]
        for obj in sorted(gone, key=lambda obj: not is_workload(obj)):
            self.api.delete(kind_of(obj), name_of(obj), uid=obj["metadata"]["uid"])
        pods = [pod for obj in gone if is_workload(obj) for pod in pods_of(self.api, obj)]
        wait_until_gone(self.api, [*gone, *pods])
        if gone:
            on_event({"event": "note", "text": f"{address} stopped"})

    def log(self, address: str, number: int, follow: bool) -> Iterator[str]:
        pods = sorted(self.api.list(POD, selector_of(self.scope.match(address))), key=born)
        if not pods:
            fix = LOGS if loads_models(self.cluster) else "`modelyard apply` starts it."
            raise ModelyardError(f"{address} has no pod", fix=fix, code="no-log")
        container = pods[-1]["spec"]["containers"][0]["name"]
        return self.api.pod_log(name_of(pods[-1]), container=container, follow=follow, tail=number)

    def _apply(self, objects: Sequence[Object], *, with_graph: bool, on_event: OnEvent) -> None:
        if with_graph:
            apply_objects(self.api, self.scope, objects, on_event, pruning=False)
            return
        # No members of the graph's set: what is applied with the graph would prune them.
        for obj in objects:
            if kind_of(obj) != CONFIG_MAP:
                apply_one(self.api, self.scope, obj)
                continue
            found = self.api.get(CONFIG_MAP, name_of(obj))
            if found is None:
                self.api.create(obj)
            else:  # as it is: its name changes with what it says
                refuse_foreign(self.scope, found)

    def _refuse_other(self, objects: Sequence[Object], fingerprint: str) -> None:
        """A run of an older graph must not wait for, or record, what a newer apply has put there since."""
        for obj in objects:
            found = self.api.get(kind_of(obj), name_of(obj))
            there = ((found or {}).get("metadata", {}).get("annotations") or {}).get(FINGERPRINT)
            if there != fingerprint:
                what = "is not there" if found is None else "is of another version than this run's graph"
                fix = "`modelyard apply` brings the cluster to what the spec says now"
                raise ModelyardError(f"{obj['kind']} {name_of(obj)} {what}", fix=fix, code="service-failed")

    def _wait_for_operators(self, before: Sequence[Object], objects: Sequence[Object], on_event: OnEvent) -> None:
        there = {identity_of(obj): obj for obj in before}
        for obj in objects:
            if kind_of(obj) == MODEL:
                wait_until_seen(self.api, there.get(identity_of(obj)), obj, on_event)

    def _put_back(self, before: Sequence[Object], objects: Sequence[Object]) -> None:
        """What ran before runs again, or nothing."""
        there = {identity_of(obj) for obj in before}
        for obj in objects:
            if identity_of(obj) not in there and obj["kind"] != DATA:
                self.api.delete(kind_of(obj), name_of(obj))
        if before:
            for obj in before:
                # Of a Model whose version somebody had changed what is ours is no whole Model.
                if kind_of(obj) != CONFIG_MAP and not (kind_of(obj) == MODEL and changed_by(obj)):
                    self.api.apply(as_it_was(obj), force=True)
            return
        pods = [pod for obj in objects if is_workload(obj) for pod in pods_of(self.api, obj)]
        wait_until_gone(self.api, pods)

    def _drop(self, before: Sequence[Object], objects: Sequence[Object]) -> None:
        """What an earlier version needed, and this one does not."""
        wanted = {identity_of(obj) for obj in objects}
        for obj in before:
            if identity_of(obj) not in wanted and obj["kind"] not in (DATA, JOB.name):
                self.api.delete(kind_of(obj), name_of(obj), uid=obj["metadata"]["uid"])

    def _mine(self, address: str) -> list[Object]:
        # The runner in its pod may not look at all that there is.
        kinds = (*WORKLOADS, CONFIG_MAP, *kinds_of_runs(self.cluster))
        found = Inventory.read(self.api, self.scope, kinds=kinds, whole=not self.in_pod)
        return [obj for obj in found.live.values() if address_of(obj) == address]

    def _live(self, address: str) -> LiveService:
        found = live_services(self.api, self.scope, kinds_of_runs(self.cluster))
        if address not in found:
            raise ModelyardError(f"{address} was taken away while it came up", address=address, code="service-failed")
        return found[address]
