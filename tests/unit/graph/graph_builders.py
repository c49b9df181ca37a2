"""A project on disk, and its graph, in a line each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from modelyard.graph import Graph, Node, Ref, compile_graph
from modelyard.graph.data import uri_only
from modelyard.spec import LoadedSpec, load_spec

FLIGHTS = """
version: 1
project: flights
steps:
  tables: {run: 'python make_tables.py --out ${outputs.dir}', outputs: {dir: {type: files}}}
  tidy:
    call: prepare:tidy
    inputs: {flights: steps.tables:dir}
    params: {drop_cancelled: true}
    outputs: {table: {type: table}}
    retries: {times: 3, backoff: 10s}
    timeout: 15m
sources:
  flights:
    type: table
    path: steps.tidy:table
    key: [flight_id]
    timestamp: time_hour
    split: {train: 70%, val: 15%, test: 15%, by: time}
  weather: {type: table, path: data/weather.csv, timestamp: time_hour}
expectations:
  flights: {data: sources.flights, expect: [{expect_column_values_to_not_be_null: {column: carrier}}]}
features:
  weather:
    source: sources.weather
    entity: [origin]
    ttl: 3h
    columns: {temp: temp, rain_6h: {sum: precip, over: 6h}}
    online: true
training:
  late:
    data: sources.flights
    columns: [distance, hour]
    features: [features.weather]
    target: {late: arr_delay > 15}
    engine: sklearn
    model: HistGradientBoostingClassifier
    params: {max_iter: 200}
    resources: {cpu: 2, memory: 4Gi}
    evaluate: {data: sources.flights:test, metrics: [roc_auc, log_loss], slices: [carrier]}
tuning:
  late:
    training: training.late
    maximize: roc_auc
    space: {learning_rate: {from: 0.01, to: 0.3, log: true}}
registry:
  late: {from: tuning.late, gate: [metrics.roc_auc >= 0.7]}
serving:
  api: {model: registry.late, port: 8080}
monitoring:
  drift:
    data: serving.api
    reference: sources.flights:train
    checks: [DataDriftPreset]
    when: [{if: checks.drift_share > 0.3, then: [{notify: ops}]}]
notifications:
  ops: {url: "${secret.OPS_URL}"}
"""
FLIGHTS_FILES = {
    "make_tables.py": "import shapes\n",
    "shapes.py": "ROWS = 3\n",
    "prepare.py": "def tidy(flights, drop_cancelled): ...\n",
    "data/weather.csv": "origin,time_hour,temp,precip\nJFK,2013-01-01T00:00:00Z,3,0\n",
}


@dataclass
class Project:
    """A folder with a spec in it."""

    root: Path

    def write(self, files: Mapping[str, str | bytes]) -> "Project":
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    def spec(self, text: str, **options: Any) -> LoadedSpec:
        self.write({"mlops.yaml": text if "version:" in text else f"version: 1\nproject: p\n{text}"})
        return load_spec(self.root / "mlops.yaml", **options)

    def graph(self, text: str, **options: Any) -> Graph:
        return compile_graph(self.spec(text), **options)

    def flights(self) -> Graph:
        return self.write(FLIGHTS_FILES).graph(FLIGHTS)


def step(address: str, *before: str, **more: Any) -> Node:
    """A command that reads the outputs of others."""
    inputs = {f"in_{index}": Ref(name, "out") for index, name in enumerate(before)}
    config = {"run": ["true"], **more}
    return Node(address, "command", config=MappingProxyType(config), inputs=MappingProxyType(inputs), outputs=("out",))


def graph_of(*nodes: Node) -> Graph:
    return Graph("p", MappingProxyType({node.address: node for node in nodes}))


def paths(node: Node) -> list[str]:
    return [file.path for file in node.code]


def reads(node: Node) -> dict[str, str]:
    return {port: str(ref) for port, ref in node.inputs.items()}


def addresses(graph: Graph) -> list[str]:
    return list(graph.nodes)


def without_code(text: str, project: Project) -> Graph:
    return compile_graph(project.spec(text), data=uri_only, code=False)


def respects(order: Iterable[str], upstream: Mapping[str, Iterable[str]]) -> bool:
    """Whether every key comes after what it needs."""
    place = {address: index for index, address in enumerate(order)}
    return all(place[before] < place[address] for address, needs in upstream.items() for before in needs)


@st.composite
def upstreams_of(draw: st.DrawFn, most: int) -> dict[str, set[str]]:
    """What each node needs, in a graph without loops, nodes in topological order."""
    count = draw(st.integers(0, most))
    keys = draw(st.permutations([f"n{index}" for index in range(count)]))
    return {key: draw(st.sets(st.sampled_from(keys[:at]), max_size=4)) if at else set() for at, key in enumerate(keys)}
