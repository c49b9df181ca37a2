"""The state in a cluster's own objects, through the API server."""

from pathlib import Path

import pytest

from cluster import ApiServer
from modelyard.apply.opening import open_state
from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph
from modelyard.state import AppliedRecord
from modelyard.targets.kubernetes.names import Scope

GRAPH = Graph("flights", {}, "prod", target={"kubernetes": {"namespace": "work"}})
RECORD = AppliedRecord("steps.a", "command", "task", "b3:1", {})


@pytest.fixture(autouse=True)
def cluster(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.make_namespace("work")
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "config", "work")))


def test_what_one_records_another_reads(server, tmp_path):
    with open_state(GRAPH, tmp_path) as state, state.lock("apply", environment="prod"):
        state.record_applied("prod", RECORD)
        with open_state(GRAPH, tmp_path) as other:
            assert list(other.applied("prod")) == ["steps.a"]
            with pytest.raises(ModelyardError, match="locked by"), other.lock("apply", environment="prod"):
                pass
    with open_state(GRAPH, tmp_path, read_only=True) as state:
        assert state.lock_holder("prod") is None
        assert state.verify_journal().ok
    assert not (tmp_path / ".modelyard").exists()


def test_its_objects_say_whose_they_are_and_hold_no_foreign_name(server, tmp_path):
    with open_state(GRAPH, tmp_path) as state, state.lock("apply", environment="prod"):
        pass
    for kind in ("Secret", "Lease"):
        (found,) = server.objects.listed(kind, "work")
        assert found["metadata"]["name"] == "flights-prod-state"
        assert Scope("flights", "prod", "work").owns(found["metadata"])
        assert found["metadata"]["labels"]["app.kubernetes.io/component"] == "state"


def test_two_at_once_and_a_server_that_is_busy_lose_nothing(server, tmp_path):
    server.faults.add(429, verb="update", times=3)
    with open_state(GRAPH, tmp_path) as one, open_state(GRAPH, tmp_path) as two:
        for number in range(5):
            one.journal("event", {"number": number}, "prod")
            two.journal("event", {"number": number}, "prod")
    with open_state(GRAPH, tmp_path, read_only=True) as state:
        assert (state.verify_journal().ok, state.verify_journal().entries) == (True, 10)


def test_missing_rights_are_told_with_the_rule(server, tmp_path):
    server.access.deny(plural="secrets", verb="get")
    with pytest.raises(ModelyardError, match="state in the cluster cannot be used") as error:
        open_state(GRAPH, tmp_path)
    assert 'resources: ["secrets"], verbs: ["get"]' in (error.value.fix or "")
