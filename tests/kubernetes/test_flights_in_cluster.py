"""The flights example, whole, by a run in the cluster that outlives the command line and its own pod."""

import signal
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cluster_project import ClusterProject, copy_of, in_cluster

from e2e.e2e_project import EXAMPLES, Project, free_port
from modelyard.state import AppliedRecord, State
from watching import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


PORT = free_port()


def smaller(project: Project) -> None:
    project.edit("default: 12, description: How much", "default: 3, description: How much")
    project.edit("default: 4, description: Trials", "default: 2, description: Trials")
    project.edit("  api: {model: registry.late, port: 8081}", f"  api: {{model: registry.late, port: {PORT}}}")


def made(applied: Mapping[str, AppliedRecord]) -> dict[str, Any]:
    """What has to be the same wherever it is computed; a fingerprint covers the digests of what is read."""
    return {
        address: (record.fingerprint, dict(record.metrics))
        for address, record in applied.items()
        if address != "tracking"
    }


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    project = Project(copy_of(EXAMPLES / "flights", tmp_path_factory.mktemp("home") / "flights"))
    smaller(project)
    project.apply()
    with State.open("sqlite:///.modelyard/state.db", project.root, read_only=True, project="flights") as state:
        yield made(state.applied("dev"))
    project.run("destroy", "--auto-approve")


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProject]:
    folder = tmp_path_factory.mktemp("cluster")
    root = copy_of(EXAMPLES / "flights", folder / "flights")
    smaller(Project(root))
    with in_cluster(root, folder) as project:
        yield project


def test_killed_twice_on_the_way_it_ends_as_it_does_at_home(flights: ClusterProject, at_home: dict[str, Any]) -> None:
    command = flights.start("apply", "--auto-approve")
    eventually(lambda: flights.listed("Job", "task"), seconds=120)
    command.send_signal(signal.SIGKILL)
    command.wait()
    (run,) = flights.listed("Job", "runner")
    runner = flights.node.pod(run["metadata"]["name"])

    refused = flights.apply(code=1)
    assert "is under way in context tests, namespace work" in refused.stderr
    eventually(lambda: "training.late" in flights.working(), seconds=300)
    runner.kill()

    eventually(lambda: flights.has_ended(run), seconds=500)
    assert flights.ended_well(run), flights.run("logs", "apply").stdout
    assert len(flights.listed("Pod", "runner")) == 2
    with flights.state() as state:
        assert made(state.applied("prod")) == at_home
        again = [one.address for one in state.runs("prod") if one.status == "ok"]
    assert len(again) == len(set(again)), "nothing that had finished ran twice"
    assert flights.actions() == {}
    assert "✓ serving.api" in flights.run("logs", "apply").stdout


def test_its_endpoint_answers_in_the_cluster(flights: ClusterProject) -> None:
    nodes = {node["address"]: node["status"] for node in flights.json("status")["nodes"]}
    assert set(nodes.values()) == {"ok", "ready"}


def test_what_destroy_leaves_is_its_state_and_what_holds_data(flights: ClusterProject) -> None:
    flights.run("destroy", "--auto-approve")
    assert flights.listed("Job") == flights.listed("Deployment") == flights.listed("Service") == []
    claims = {obj["metadata"]["name"] for obj in flights.listed("PersistentVolumeClaim")}
    assert claims == {"flights-prod-store", "records-flights-prod-tracking-0"}
    with flights.state() as state:
        assert state.applied("prod") == {}
        assert state.verify_journal().ok
    assert any((flights.store / "store").iterdir())
