"""Small graphs by hand, and what a state would say after they were applied."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from modelyard.digests import digest_json
from modelyard.graph.codec import node_to_json
from modelyard.graph.fingerprint import fingerprint, service_fingerprint
from modelyard.graph.model import Graph, Node, Ref
from modelyard.task import Artifact, TaskResult


def node(address: str, kind: str = "command", inputs: Mapping[str, str | Ref] | None = None, **fields: Any) -> Node:
    """A node; an input is `node:output`. Services have no outputs, tasks have `out`."""
    ports = {port: ref if isinstance(ref, Ref) else Ref(*ref.split(":")) for port, ref in (inputs or {}).items()}
    role = "service" if kind in {"serve", "monitor", "tracking"} else "task"
    outputs = fields.pop("outputs", () if role == "service" else ("out",))
    return Node(address, kind, role, inputs=MappingProxyType(ports), outputs=outputs, **fields)


def graph(*nodes: Node, project: str = "digits", environment: str | None = "dev", **fields: Any) -> Graph:
    return Graph(project, MappingProxyType({one.address: one for one in nodes}), environment, **fields)


@dataclass(frozen=True)
class Record:
    address: str
    kind: str
    role: str
    fingerprint: str
    node_json: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Artifact] = field(default_factory=dict)
    summary: str = ""
    target: Mapping[str, Any] = field(default_factory=dict)


def apply(graph: Graph, addresses: Iterable[str] | None = None) -> dict[str, Record]:
    """What a state says after `graph` was applied, every output being a digest of its fingerprint."""
    records: dict[str, Record] = {}
    wanted = set(graph.nodes if addresses is None else addresses)
    for address, one in graph.nodes.items():
        if address not in wanted:
            continue
        digests = {port: records[ref.node].outputs[ref.output].digest for port, ref in one.inputs.items()}
        print_ = (service_fingerprint if one.role == "service" else fingerprint)(one, digests)
        outputs = {name: Artifact(digest_json([print_, name]), 1, 10) for name in one.outputs}
        records[address] = Record(
            address, one.kind, one.role, print_, node_to_json(one), digests, outputs, f"made {address}"
        )
    return records


def results_of(*records: Mapping[str, Record], run_id: str = "7f3a9c21d0aa") -> dict[str, TaskResult]:
    """Results by fingerprint, as a state keeps them after several applies."""
    found = {}
    for each in records:
        for record in each.values():
            found[record.fingerprint] = TaskResult(
                record.fingerprint, record.outputs, run_id=run_id, summary=f"made {record.address}"
            )
    return found


def digits(lr0: float = 0.003, **changes: Any) -> Graph:
    """The digits example in small: scenes → source → train → evaluate → register → serve."""
    return graph(
        node("steps.scenes", "function", config={"call": "scenes:compose"}),
        node("sources.scenes", "ingest", {"data": "steps.scenes:out"}, outputs=("train", "test")),
        node("expectations.scenes", "expect", {"data": "sources.scenes:train"}, outputs=("report",)),
        node("training.detector", "train", {"train": "sources.scenes:train"}, outputs=("model",),
             config={"engine": "ultralytics", "params": {"lr0": lr0, "epochs": 15}},
             marks={"params": "mlops.yaml:16", "params.lr0": "mlops.yaml:18"}, after=("expectations.scenes",),
             **changes),
        node("training.detector.evaluate", "evaluate",
             {"model": "training.detector:model", "data": "sources.scenes:test"}, outputs=("metrics",)),
        node("registry.digits", "register",
             {"model": "training.detector:model", "metrics": "training.detector.evaluate:metrics"},
             outputs=("version",), config={"gate": ["metrics.mAP50 >= 0.85"]}),
        node("serving.api", "serve", {"version": Ref("registry.digits", "version", follow=True)},
             config={"port": 8080}),
    )  # fmt: skip
