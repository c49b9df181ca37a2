"""Several processes that train one network: torchrun's environment, Gloo, and this machine."""

import json
import os
import shutil
import socket
import subprocess
import sys
import textwrap
from dataclasses import replace
from typing import Any

import pytest

from modelyard.task import TaskResult, decode_event

NETWORK = """
import os
from pathlib import Path

import torch
from torch import nn

def build(inputs, outputs, hidden=16):
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

def fit(job, epochs=4, dies=-1):
    module = nn.Linear(job.width, len(job.classes))
    network = job.share(module)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    first = (job.load() or {"epoch": 0})["epoch"]
    print(f"rank {job.rank} of {job.world} begins at {first}", flush=True)
    for epoch in range(first, epochs):
        if dies == job.rank and epoch == 2:
            os._exit(3)
        optimizer.zero_grad()
        rows = slice(job.rank, None, job.world)
        nn.functional.cross_entropy(network(job.x[rows]), job.y[rows]).backward()
        optimizer.step()
        job.save({"epoch": epoch + 1})
        job.report(epoch + 1, epochs)
    sums = sum(float(p.sum()) for p in module.parameters())
    Path(os.environ["SUMS"], f"{os.environ['PET_NODE_RANK']}-{os.environ['LOCAL_RANK']}").write_text(f"{sums:.6f}")
    return module
"""

pytestmark = pytest.mark.e2e


class Nodes:
    """`count` nodes as Kubernetes would start them: one document, ranks apart."""

    def __init__(self, workshop: Any, call: str, drop: str, **params: Any) -> None:
        target = "late" if drop == "delay" else "delay"
        config = {
            "engine": "torch", "call": call, "seed": 3, "params": params, "target": {"name": target, "sql": target},
        }  # fmt: skip
        data = {"train": workshop.table(drop=(drop,)), "val": workshop.table("val", 200, seed=2, drop=(drop,))}
        context = workshop.context("training.net", "train", config, data, ("model", "plots"))
        self.root = workshop.root
        node = {
            "address": "training.net", "kind": "train", "role": "task", "config": config, "outputs": ["model", "plots"],
        }  # fmt: skip
        digest = f"b3:{7:064x}"
        self.document = replace(context.document, node=node, fingerprint=digest, store={"path": ".modelyard/store"})
        (self.root / "network.py").write_text(textwrap.dedent(NETWORK))
        self.sums = self.root / "sums"
        self.sums.mkdir()

    def forget(self) -> None:
        """Begin anew: nothing of an earlier attempt is left to go on with."""
        shutil.rmtree(self.document.workdir)

    def run(self, nodes: int, processes: int = 1) -> list[tuple[int, str]]:
        """Exit code and output of each node's runtime."""
        port = str(_free_port())
        started = []
        for rank in range(nodes):
            path = self.root / f"node-{rank}.json"
            path.write_text(json.dumps(self.document.to_json()))
            environment = {
                **os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1", "SUMS": str(self.sums),
                "PET_NNODES": str(nodes), "PET_NODE_RANK": str(rank), "PET_NPROC_PER_NODE": str(processes),
                "PET_MASTER_ADDR": "127.0.0.1", "PET_MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo",
            }  # fmt: skip
            argv = [sys.executable, "-m", "modelyard.runtime", str(path)]
            started.append(
                subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            )
        outputs = [one.communicate(timeout=120)[0] for one in started]
        return [(one.returncode, out) for one, out in zip(started, outputs, strict=True)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def result_in(output: str) -> TaskResult | None:
    events = [event for line in output.split("\n") if (event := decode_event(line))]
    found = [event["result"] for event in events if event["event"] == "result"]
    return TaskResult.from_json(found[-1]) if found else None


def test_two_nodes_learn_what_one_alone_learns(workshop):
    nodes = Nodes(workshop, "network:build", "delay", epochs=4, learning_rate=0.01, hidden=8)
    ((code, alone),) = nodes.run(1)
    assert code == 0, alone

    nodes.forget()
    (leading, leader), (following, follower) = nodes.run(2)

    assert (leading, following) == (0, 0), leader + follower
    one, two = result_in(alone), result_in(leader)
    assert result_in(follower) is None
    assert one and two and two.metrics == pytest.approx(one.metrics, abs=1e-4)
    assert "2 processes" in leader


def test_processes_of_one_node_and_of_two_share_their_gradients(workshop):
    nodes = Nodes(workshop, "network:fit", "delay")
    done = nodes.run(2, processes=2)

    assert [code for code, _ in done] == [0, 0], done
    sums = {path.name: path.read_text() for path in nodes.sums.iterdir()}
    assert set(sums) == {"0-0", "0-1", "1-0", "1-1"}
    assert len(set(sums.values())) == 1


def test_a_lost_process_ends_them_all_and_the_next_attempt_goes_on_everywhere(workshop):
    nodes = Nodes(workshop, "network:fit", "delay", dies=1)
    broken = nodes.run(2)
    assert all(code for code, _ in broken), broken
    nodes.document.node["config"]["params"]["dies"] = -1

    mended = nodes.run(2)

    assert [code for code, _ in mended] == [0, 0], mended
    assert [f"rank {rank} of 2 begins at 2" in out for rank, (_, out) in enumerate(mended)] == [True, True], mended


def test_a_task_of_another_kind_does_not_follow(workshop):
    nodes = Nodes(workshop, "network:fit", "delay")
    nodes.document = replace(nodes.document, node={**nodes.document.node, "kind": "evaluate"})
    path = workshop.root / "node.json"
    path.write_text(json.dumps(nodes.document.to_json()))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PET_NNODES": "2", "PET_NODE_RANK": "1"}

    done = subprocess.run(
        [sys.executable, "-m", "modelyard.runtime", str(path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "runs on one machine only" in done.stdout
