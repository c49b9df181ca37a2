"""A training on two machines: an indexed Job, pods that find each other by a headless Service, one result."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kube_yard import IMAGE, NAMESPACE, Yard, yard_of

from documents import task_document
from modelyard.graph.model import Graph, Node, Resources
from modelyard.store import Store
from modelyard.targets.kubernetes.manifests import objects_of
from modelyard.targets.kubernetes.settings import Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

NETWORK = """
from torch import nn

def build(inputs, outputs, hidden=8):
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
"""
CONFIG = {
    "engine": "torch", "call": "network:build", "seed": 3, "params": {"epochs": 3, "learning_rate": 0.01},
    "target": {"name": "late", "sql": "late"},
}  # fmt: skip


def network(nodes: int) -> Node:
    resources = Resources(cpu=0.5, memory=1 << 31, nodes=nodes)
    return Node("training.net", "train", config=CONFIG, outputs=("model", "plots"), resources=resources)


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    root = tmp_path / "project"
    root.mkdir()
    (root / "network.py").write_text(NETWORK)
    with yard_of(root, tmp_path / "cluster") as yard:
        nodes = [Node("tracking", "tracking", "service", config={"port": 5000}), network(2)]
        graph = Graph(yard.project, {node.address: node for node in nodes}, target={"kubernetes": yard.settings})
        images = dict.fromkeys(("tasks", "serving", "tracking"), IMAGE)
        for obj in objects_of(graph, yard.scope, Cluster.from_settings(yard.settings), images):
            yard.server.objects.apply(obj)
        wait_for_tracking(yard)
        yield yard


def wait_for_tracking(yard: Yard) -> None:
    until = time.monotonic() + 240
    while not (yard.listed("StatefulSet")[0].get("status") or {}).get("readyReplicas"):
        assert time.monotonic() < until, [(pod["metadata"]["name"], pod.get("status")) for pod in yard.listed("Pod")]
        time.sleep(0.5)


def test_two_pods_train_one_network_and_the_leader_tells_it(yard: Yard, workshop: Any, tmp_path: Path) -> None:
    store = Store.open({}, yard.root)
    data = {"train": workshop.table(drop=("delay",)), "val": workshop.table("val", 200, seed=2, drop=("delay",))}
    inputs = {port: store.put_tree(folder) for port, folder in data.items()}
    document = task_document(yard.root, network(2), project="contract", inputs=inputs)
    seen: list[dict[str, Any]] = []
    events: list[Any] = []

    def listen(event: Any) -> None:
        events.append(event)
        seen.extend(yard.listed("Job")[:1])

    outcome = yard.target().executor().run(
        document, network(2).resources, 300, tmp_path / "log", listen, threading.Event()
    )  # fmt: skip

    assert outcome.status == "ok", (outcome, (tmp_path / "log").read_text())
    assert outcome.result is not None
    assert outcome.result.recorded["device"].endswith("2 processes")
    assert outcome.result.metrics["roc_auc"] > 0.5
    job = seen[0]["spec"]
    assert (job["completionMode"], job["completions"]) == ("Indexed", 2)
    assert [event["done"] for event in events if event["event"] == "progress"][-1] == 3
    assert [pod for pod in yard.listed("Pod") if pod["metadata"]["labels"].get("modelyard.dev/run")] == []
    assert yard.server.objects.get("Service", NAMESPACE, "contract-default-training-net-nodes")
