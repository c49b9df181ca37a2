"""The run in the cluster: a pod that makes the tasks' Jobs, once for an apply, or by a schedule."""

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.graph.codec import graph_to_json
from modelyard.graph.model import EMPTY, Graph, Resources
from modelyard.secrets import references
from modelyard.targets.kubernetes.manifests.documents import FOLDER, MOST
from modelyard.targets.kubernetes.manifests.pods import Pod, field_variable, pod_of
from modelyard.targets.kubernetes.manifests.sheet import Head, Sheet
from modelyard.targets.kubernetes.manifests.tasks import JobRules, kept
from modelyard.targets.kubernetes.names import COMPONENT, RUN, Scope, label_value
from modelyard.targets.kubernetes.settings import Cluster

GRAPH = f"{FOLDER}/graph.json.gz"
COMMAND = ("python", "-m", "modelyard.apply.in_cluster")
_ATTEMPTS = 6
_LATE = 3600
_GRACE = 120
"""Seconds to end in order: longer than its tasks have, which it waits for and writes down."""
_NEEDS = Resources(cpu=0.5, memory=1 << 30)
_SHARED = ("store", "tracking", "state", "notifications")
_FAILS = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1, 2]}}
"""A run that has failed says so; one that was killed is taken up again by the next pod."""


def packed(graph: Graph, images: Mapping[str, str]) -> bytes:
    """The graph as the runner reads it, with the images to take, since it builds none. The same bytes each time."""
    cluster = {**(graph.target.get("kubernetes") or {}), "images": dict(sorted(images.items()))}
    told = replace(graph, target={**graph.target, "kubernetes": cluster})
    # In the graph's own order: what is made of a map (the columns of a view) is in the order in which it was written.
    text = json.dumps(graph_to_json(told), separators=(",", ":"), default=dict)
    return gzip.compress(text.encode(), mtime=0)


def add_run(
    sheet: Sheet, graph_gz: bytes, cluster: Cluster, image: str, run_id: str, arguments: Sequence[str] = ()
) -> None:
    """One run, now."""
    scope = sheet.scope
    name = scope.shared(f"run-{run_id}")
    head = _head(scope, {RUN: label_value(run_id)})
    _add_graph(sheet, name, graph_gz, head)
    told = json.loads(gzip.decompress(graph_gz))
    pod = _pod(scope, cluster, told["settings"], image, name, head, arguments, _tokens(told["nodes"]))
    sheet.add("Job", name, head, **_job(pod, kept(cluster)).__dict__)


def add_schedule(sheet: Sheet, graph: Graph, cluster: Cluster, images: Mapping[str, str]) -> None:
    """A run each time that `pipeline.schedule` says, at the clock of its zone; one that still goes on is let be."""
    schedule = (graph.settings.get("pipeline") or {}).get("schedule")
    if not schedule:
        return
    scope, graph_gz = sheet.scope, packed(graph, images)
    name = scope.shared(f"graph-{hashlib.sha256(graph_gz).hexdigest()[:8]}")
    head = _head(scope)
    _add_graph(sheet, name, graph_gz, head)
    tokens = _tokens([{"config": node.config} for node in graph.nodes.values()])
    pod = _pod(scope, cluster, graph.settings, images["tasks"], name, head, (), tokens)
    sheet.add(
        "CronJob",
        scope.shared("schedule"),
        head,
        schedule=schedule["cron"],
        zone=_zone(schedule.get("zone")),
        late=_LATE,
        job=_job(pod),
    )


def _zone(zone: str | None) -> str:
    """The API server takes names of the time zone database only, and `UTC` is one everywhere but on some images."""
    return "Etc/UTC" if zone in (None, "UTC") else str(zone)


def _job(pod: Pod, keep: int | None = None) -> JobRules:
    """A CronJob counts its Jobs, whatever their age: the last ones stay to be looked at."""
    return JobRules(pod=pod, keep=keep, backoff_limit=_ATTEMPTS, failure_rules=[_FAILS])


def _head(scope: Scope, more: Mapping[str, str] = EMPTY) -> Head:
    labels = {"app.kubernetes.io/name": "pipeline", COMPONENT: "runner", **scope.labels, **more}
    return Head(labels, scope.annotations_of())


def _add_graph(sheet: Sheet, name: str, graph_gz: bytes, head: Head) -> None:
    text = base64.b64encode(graph_gz).decode()
    if len(text) > MOST:
        raise ModelyardError(
            f"the graph is {len(text) / 1e6:.1f} MB when packed, and a ConfigMap holds one",
            fix="split the project: a spec of its own for each model, with sources that read what the other wrote",
            code="too-large",
        )
    sheet.add("ConfigMap", name, head, document=None, graph=text)


def _pod(
    scope: Scope,
    cluster: Cluster,
    settings: Mapping[str, Any],
    image: str,
    configmap: str,
    head: Head,
    arguments: Sequence[str],
    tokens: Sequence[Any],
) -> Pod:
    return pod_of(
        scope,
        cluster,
        settings,
        container="runner",
        image=image,
        account="runner",
        configmap=configmap,
        head=head,
        resources=_NEEDS,
        secrets=references([*(settings.get(name) for name in _SHARED if settings.get(name)), *tokens]),
        env=[
            field_variable("MODELYARD_POD", "metadata.name"),
            field_variable("MODELYARD_NAMESPACE", "metadata.namespace"),
        ],
        command=COMMAND,
        args=[GRAPH, *arguments],
        restart="Never",
        grace=_GRACE,
        heeds=True,
        token=True,
    )


def _tokens(nodes: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Of endpoints that roll out: the run asks their servers how they answer."""
    return [node["config"]["auth"] for node in nodes if node["config"].get("rollout") and node["config"].get("auth")]
