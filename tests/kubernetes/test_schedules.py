"""What a cluster begins by itself: a run by `pipeline.schedule`, at the clock of its zone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cluster_project import ClusterProject, in_cluster
from test_handover import SPEC, WORK

from modelyard.state import State
from watching import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
SCHEDULE = 'pipeline: {schedule: {cron: "0 3 * * *", zone: Europe/Berlin}}\n'


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProject]:
    folder = tmp_path_factory.mktemp("cluster")
    root = folder / "small"
    root.mkdir()
    (root / "mlops.yaml").write_text(SPEC + SCHEDULE)
    (root / "work.py").write_text(WORK)
    with in_cluster(root, folder) as project:
        yield project


def three_in_berlin(day: int) -> datetime:
    """So many days from now."""
    date = datetime.now(UTC).date() + timedelta(days=day)
    return datetime(date.year, date.month, date.day, 3, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


def fingerprints(state: State) -> dict[str, str]:
    found = state.applied("prod")
    return {address: record.fingerprint for address, record in found.items() if address.startswith("steps.")}


def runs(project: ClusterProject) -> list[dict[str, Any]]:
    return [job for job in project.listed("Job", "runner") if "-schedule-" in job["metadata"]["name"]]


def test_a_scheduled_run_does_what_is_left_one_at_a_time(project: ClusterProject) -> None:
    project.apply("--select", "steps.a")
    project.node.it_is(three_in_berlin(1) - timedelta(minutes=1))
    project.run("status")
    assert runs(project) == []
    project.node.it_is(three_in_berlin(1))
    eventually(lambda: runs(project), 30)
    project.node.it_is(three_in_berlin(2))
    eventually(lambda: any(event["reason"] == "JobAlreadyActive" for event in project.listed("Event")), 30)
    (run,) = runs(project)
    project.node.it_is(three_in_berlin(2) + timedelta(hours=2))  # too late for the second one
    eventually(lambda: project.has_ended(run), 200)
    assert project.ended_well(run), project.run("logs", "apply").stdout
    assert len(runs(project)) == 1
    assert project.actions() == {}, "it has the fingerprints that are planned here"
    with project.state() as state:
        assert set(fingerprints(state)) == {"steps.a", "steps.b"}
