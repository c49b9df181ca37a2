"""`plan` for a cluster: what it costs the API server, and what it shows of what others changed."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from click.testing import CliRunner
from cluster_project import NAMESPACE, copy_of, with_cluster

import modelyard
from cluster import ApiServer
from cluster.objects import How
from modelyard.apply.handover import Handover
from modelyard.cli.group import cli
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


def test_a_diff_tells_of_the_objects_asked_for(server: ApiServer, flights: tuple[LoadedSpec, Graph]) -> None:
    argv = ["diff", "-e", "prod", "-C", str(flights[0].root), "--detailed-exitcode"]
    same = CliRunner().invoke(cli, argv, standalone_mode=False)
    assert (same.return_value, same.stdout) == (0, "")
    assert "No differences" in same.stderr
    live = server.objects.get("Deployment", NAMESPACE, API)
    server.objects.update({**live, "spec": {**live["spec"], "replicas": 7}}, How("kubectl-edit"))
    server.objects.delete("NetworkPolicy", NAMESPACE, "flights-prod-deny")
    found = CliRunner().invoke(cli, [*argv, "serving.*"], standalone_mode=False)
    assert found.return_value == 2
    assert found.stdout.splitlines()[0] == f"~ Deployment {API}  serving.api"
    assert found.stdout.splitlines()[2:] == ["    - 7", "    + 1"]
    both = CliRunner().invoke(cli, [*argv, "--format", "json"])
    assert [change["title"] for change in json.loads(both.stdout)] == [
        "NetworkPolicy flights-prod-deny", f"Deployment {API}",
    ]  # fmt: skip
    assert CliRunner().invoke(cli, [*argv, "serving.apy"]).exit_code == 1


def test_a_diff_of_a_target_without_objects_says_what_to_do(flights: tuple[LoadedSpec, Graph]) -> None:
    refused = CliRunner().invoke(cli, ["diff", "-C", str(flights[0].root)])
    assert refused.exit_code == 1
    assert "the target local keeps no objects to compare" in str(refused.exception or refused.stderr)
