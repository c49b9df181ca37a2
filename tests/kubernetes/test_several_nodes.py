"""A training on two machines: an indexed Job, pods that find each other by a headless Service, one result."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from kube_yard import IMAGE, NAMESPACE, Yard, yard_of

import crds
from cluster.refusals import Refusal
from documents import task_document
from modelyard.graph.model import Graph, Node, Resources
from modelyard.store import Store
from modelyard.targets.base import Outcome
from modelyard.targets.kubernetes.manifests import objects_of
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.targets.kubernetes.workers import INDEX
from modelyard.task import Artifact

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


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    root = tmp_path_factory.mktemp("project")
    (root / "network.py").write_text(NETWORK)
    with yard_of(root, tmp_path_factory.mktemp("cluster")) as yard:
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


@pytest.fixture(scope="module")
def inputs(yard: Yard, shared_workshop: Any) -> Mapping[str, Artifact]:
    store = Store.open({}, yard.root)
    data = {
        "train": shared_workshop.table(drop=("delay",)),
        "val": shared_workshop.table("val", 200, seed=2, drop=("delay",)),
    }
    made = {port: store.put_tree(folder) for port, folder in data.items()}
    for folder in (yard.root / ".modelyard").rglob("*"):
        if folder.is_dir():
            folder.chmod(0o2777)  # pods are another user than this process
    return made


def train(
    yard: Yard, inputs: Mapping[str, Artifact], log: Path, kind: str, **settings: Any
) -> tuple[Outcome, Any, Any]:
    """The outcome, the events, and the object that did it, as it was meanwhile."""
    document = task_document(yard.root, network(2), project="contract", inputs=inputs)
    seen: list[Any] = []
    events: list[Any] = []

    def listen(event: Any) -> None:
        events.append(event)
        seen.extend(yard.listed(kind)[:1])

    executor = yard.target(**settings).executor()
    outcome = executor.run(document, network(2).resources, 300, log, listen, threading.Event())
    return outcome, events, seen


def check(outcome: Outcome, events: Any, log: Path) -> None:
    assert outcome.status == "ok", (outcome, log.read_text())
    assert outcome.result is not None
    assert outcome.result.recorded["device"].endswith("2 processes")
    assert outcome.result.metrics["roc_auc"] > 0.5
    assert [event["done"] for event in events if event["event"] == "progress"][-1] == 3


def test_two_pods_train_one_network_and_the_leader_tells_it(
    yard: Yard, inputs: Mapping[str, Artifact], tmp_path: Path
) -> None:
    outcome, events, seen = train(yard, inputs, tmp_path / "log", "Job")

    check(outcome, events, tmp_path / "log")
    job = seen[0]["spec"]
    assert (job["completionMode"], job["completions"]) == ("Indexed", 2)
    mine = [pod for pod in yard.listed("Pod") if "modelyard.dev/run" in pod["metadata"]["labels"]]
    assert [pod for pod in mine if pod["status"]["phase"] not in ("Succeeded", "Failed")] == []
    assert yard.server.objects.get("Service", NAMESPACE, "contract-default-training-net-nodes")


def test_kubeflow_trainer_trains_it_too(yard: Yard, inputs: Mapping[str, Artifact], tmp_path: Path) -> None:
    for kind in ("TrainingRuntime", "TrainJob"):
        yard.server.objects.create(crds.definition("trainer.kubeflow.org", kind))
    with trainer(yard):
        outcome, events, seen = train(yard, inputs, tmp_path / "log", "TrainJob", operators={"training": "trainer"})

    check(outcome, events, tmp_path / "log")
    assert seen[0]["spec"]["trainer"]["numNodes"] == 2
    assert yard.listed("TrainJob") == yard.listed("TrainingRuntime") == []


@contextmanager
def trainer(yard: Yard) -> Iterator[None]:
    """Kubeflow Trainer in short: a TrainJob is a headless Service and an indexed Job that knows its ranks."""
    done = threading.Event()

    def control() -> None:
        while not done.wait(0.3):
            for one in yard.listed("TrainJob"):
                with suppress(Refusal):  # it is gone, or the Job is there
                    _step(yard, one)

    thread = threading.Thread(target=control)
    thread.start()
    yield
    done.set()
    thread.join()


def _step(yard: Yard, one: dict[str, Any]) -> None:
    objects, meta, wanted = yard.server.objects, one["metadata"], one["spec"]["trainer"]
    name, child = meta["name"], f"{meta['name']}-node-0"
    jobs = [job for job in yard.listed("Job") if job["metadata"]["name"] == child]
    if jobs:
        ended = [
            c for c in (jobs[0].get("status") or {}).get("conditions") or () if c["type"] in ("Complete", "Failed")
        ]
        if ended:
            objects.set_status("TrainJob", NAMESPACE, name, {"conditions": ended[-1:]})
        return
    runtime = objects.get("TrainingRuntime", NAMESPACE, one["spec"]["runtimeRef"]["name"])
    spec = deepcopy(runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"])
    count, pod = wanted["numNodes"], spec["template"]
    spec |= {"completionMode": "Indexed", "completions": count, "parallelism": count}
    label = {"jobset.sigs.k8s.io/jobset-name": name}
    pod["metadata"]["labels"] |= label
    pod["spec"]["subdomain"] = name
    container = next(c for c in pod["spec"]["containers"] if c["name"] == "node")
    index = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.annotations['{INDEX}']"}}
    container["env"] += [
        {"name": "PET_NNODES", "value": str(count)},
        {"name": "PET_NPROC_PER_NODE", "value": str(wanted["numProcPerNode"])},
        {"name": "PET_NODE_RANK", "valueFrom": index},
        {"name": "PET_MASTER_ADDR", "value": f"{child}-0.{name}"},
        {"name": "PET_MASTER_PORT", "value": "29500"},
    ]
    owner = {"apiVersion": one["apiVersion"], "kind": "TrainJob", "name": name, "uid": meta["uid"], "controller": True}
    known = {"namespace": NAMESPACE, "ownerReferences": [owner]}
    ports = [{"name": "torchrun", "port": 29500}]
    service = {"selector": label, "clusterIP": "None", "publishNotReadyAddresses": True, "ports": ports}
    objects.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, **known}, "spec": service})
    objects.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": child, **known}, "spec": spec})
