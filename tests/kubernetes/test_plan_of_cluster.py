"""`plan` for a cluster: what it costs the API server, and what it shows of what others changed."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from cluster_project import NAMESPACE, copy_of, with_cluster

import modelyard
from cluster import ApiServer
from cluster.objects import How
from modelyard.apply.handover import Handover
from modelyard.graph.model import Graph
from modelyard.plan.text import render_text
from modelyard.spec import LoadedSpec

EXAMPLES = Path(__file__).parents[2] / "examples"
API = "flights-prod-serving-api"


@pytest.fixture
def flights(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[LoadedSpec, Graph]]:
    """The example with all of its objects in the cluster, and nothing run yet."""
    root = copy_of(EXAMPLES / "flights", tmp_path / "flights")
    with_cluster(root)
    server.make_namespace(NAMESPACE)
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "config", NAMESPACE)))
    with patch("modelyard.spec.unsupported.UNSUPPORTED", ()):
        loaded = modelyard.load(root / "mlops.yaml", environment="prod")
    graph = modelyard.compile_graph(loaded)
    Handover(graph, root).apply(lambda event: None)
    yield loaded, graph


def test_a_plan_lists_each_kind_once_and_asks_for_no_object(
    server: ApiServer, flights: tuple[LoadedSpec, Graph]
) -> None:
    server.requests.clear()
    plan = modelyard.make_plan(*flights)
    assert plan.objects == ()
    asked = Counter(target.partition("?")[0] for _, target in server.requests)
    assert {method for method, _ in server.requests} == {"GET"}
    assert set(asked.values()) == {1}
    named = [path for path in asked if path.rpartition("/")[2].startswith("flights-prod-")]
    assert named == [f"/api/v1/namespaces/{NAMESPACE}/secrets/flights-prod-state"]


def test_a_plan_names_who_changed_what(server: ApiServer, flights: tuple[LoadedSpec, Graph]) -> None:
    live = server.objects.get("Deployment", NAMESPACE, API)
    server.objects.update({**live, "spec": {**live["spec"], "replicas": 7}}, How("kubectl-edit"))
    server.objects.delete("NetworkPolicy", NAMESPACE, "flights-prod-deny")
    plan = modelyard.make_plan(*flights)
    assert [(change.action, change.title) for change in plan.objects] == [
        ("create", "NetworkPolicy flights-prod-deny"), ("update", f"Deployment {API}"),
    ]  # fmt: skip
    text = render_text(plan)
    assert ".spec.replicas: 7 → 1 (changed by kubectl-edit at " in text
    assert "2 objects of the cluster" in text


def test_a_plan_offline_asks_nothing(server: ApiServer, flights: tuple[LoadedSpec, Graph]) -> None:
    server.requests.clear()
    assert modelyard.make_plan(*flights, observe=False).objects == ()
    assert server.requests == []
