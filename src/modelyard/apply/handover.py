"""An apply handed over to its cluster: images, then the objects, then a run that goes on without this process."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from modelyard.apply.commit import git_commit
from modelyard.apply.following import RunPlace, is_under_way, latest_run
from modelyard.apply.images import build_images
from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph
from modelyard.state.owner import whoami
from modelyard.targets.base import OnEvent
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.applying import Applied, apply_objects
from modelyard.targets.kubernetes.cluster_images import image_names
from modelyard.targets.kubernetes.kinds import Object
from modelyard.targets.kubernetes.manifests import objects_of, packed, run_objects
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.rollouts.leaving import drop_rolled
from modelyard.targets.kubernetes.settings import Cluster


@dataclass(frozen=True)
class Handover:
    """One environment of a project, and the cluster that it is for."""

    graph: Graph
    root: Path

    @cached_property
    def cluster(self) -> Cluster:
        return Cluster.from_settings(self.graph.target["kubernetes"] or {})

    @cached_property
    def scope(self) -> Scope:
        return Scope(self.graph.project, self.graph.environment or "default", self.cluster.namespace)

    @cached_property
    def api(self) -> Api:
        return Api.connect(self.cluster.context, self.cluster.namespace)

    def images(self, on_event: OnEvent, cancel: threading.Event) -> str:
        """Build and push what is not given by name; in a few words what came of it."""
        built = build_images(self.graph, self.root, on_event, cancel, pushing=self.cluster.registry is not None)
        if not built:
            return "are given by name"
        if self.cluster.registry:
            return "are in their registry"
        names = " ".join(image.name for image in built)
        text = f"without a `registry` the nodes must have the images (kind: `kind load docker-image {names}`)"
        on_event({"event": "warning", "text": text})
        return "are built"

    def apply(self, on_event: OnEvent) -> list[Applied]:
        """The objects that stand before a task runs."""
        done = apply_objects(self.api, self.scope, self._objects(), on_event)
        drop_rolled(self.api, self.scope, self.graph, self.cluster)
        return done

    def refuse_second(self) -> None:
        """Raises ModelyardError, code `locked`, where a run is under way: its services are not to be taken from it."""
        found = latest_run(self.api, self.scope)
        if found and is_under_way(found):
            raise ModelyardError(
                f"run {found.run_id} is under way in {self.api}", code="locked",
                fix="`modelyard logs apply -F` follows it; `--lock-wait SECONDS` waits for its end",
            )  # fmt: skip

    def start(self, arguments: Sequence[str] = ()) -> RunPlace:
        """Make the run; it goes on by itself."""
        run_id = uuid4().hex[:8]
        graph_gz = packed(self._told, self._names)
        image = self._names["tasks"]
        made = run_objects(graph_gz, self.scope, self.cluster, image, run_id, ["--run", run_id, *arguments])
        job: Object = {}
        for obj in made:
            created = self.api.create(obj)
            job = created if created["kind"] == "Job" else job
        self._give_to_job(made, job)
        return RunPlace(self.api, self.scope, str(job["metadata"]["name"]))

    def _give_to_job(self, made: Sequence[Object], job: Object) -> None:
        """The graph goes when its Job goes."""
        owner = {
            "apiVersion": job["apiVersion"], "kind": "Job", "name": job["metadata"]["name"],
            "uid": job["metadata"]["uid"], "controller": True, "blockOwnerDeletion": False,
        }  # fmt: skip
        for obj in made:
            if obj["kind"] != "Job":
                self.api.apply({**obj, "metadata": {**obj["metadata"], "ownerReferences": [owner]}})

    @cached_property
    def _names(self) -> dict[str, str]:
        return image_names(self.graph, self.root, self.cluster)

    @property
    def _told(self) -> Graph:
        settings: dict[str, Any] = {**self.graph.settings, "git": git_commit(self.root), "by": whoami()}
        return replace(self.graph, settings=MappingProxyType(settings))

    def _objects(self) -> list[Object]:
        return objects_of(self.graph, self.scope, self.cluster, self._names)
