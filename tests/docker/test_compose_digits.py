"""The digits example on a Docker engine, on a short schedule, beside the same on the local target.

Its image of tasks holds PyTorch for CUDA, 8 GB: it is built while the other trains, and taken away in the end.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import compose_project, docker
from e2e.e2e_project import Project
from modelyard.serving.client import predict_image
from modelyard.targets.images import labels

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]

STAGING = ("-e", "staging")
SHORT = (
    ("default: 400, description: Scenes", "default: 160, description: Scenes"),
    ("default: 10, description: Passes", "default: 2, description: Passes"),
    ("batch: 16", "batch: 4"),
    ("nbs: 16", "nbs: 4"),
    ("min_value: 20}", "min_value: 1}"),
    ("metrics.mAP50 >= 0.85", "metrics.mAP50 >= 0.0"),
)
UNSURE = 0.0
"""So little trained, a model is sure of nothing: it is asked for all that it thinks of."""
PICTURES = [f"images/{number:04}.png" for number in range(5)]


def digits(root: Path) -> Project:
    project = compose_project("digits", root)
    for before, after in SHORT:
        project.edit(before, after)
    return project


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Project]]:
    """The project on the local target, and another copy of it on Compose."""
    local, staging = digits(tmp_path_factory.mktemp("local")), digits(tmp_path_factory.mktemp("staging"))
    try:
        with pytest.MonkeyPatch.context() as patch, staging.start("build", *STAGING) as building:
            patch.delenv("OMP_NUM_THREADS", raising=False)  # as many threads as the containers have
            local.apply()
            said = building.communicate()
        assert building.returncode == 0, said
        staging.apply(*STAGING)
        yield local, staging
    finally:
        local.run("destroy", "--auto-approve", code=None)
        staging.run("destroy", "--auto-approve", *STAGING, code=None)
        ours = docker("images", "--quiet", "--filter", f"label={labels.ROOT}={staging.root}", parse=False).split()
        subprocess.run(["docker", "rmi", "--force", *ours], capture_output=True, check=False)


def records(project: Project, *options: str) -> dict[str, Any]:
    """What was made, by address."""
    nodes = [node["address"] for node in project.json("status", *options)["nodes"]]
    return {address: project.json("show", address, *options)["applied"] for address in nodes}


def boxes(project: Project, folder: Path, *options: str) -> list[Any]:
    """What the endpoint finds in some of the pictures that no training saw."""
    url = next(node["at"] for node in project.json("status", *options)["nodes"] if node["address"] == "serving.api")
    found = []
    for name in PICTURES:
        picture = folder / Path(name).name
        project.run("show", "steps.scenes:unseen", "--get", name, "--to", str(picture), *options)
        found.append(predict_image(url, picture, threshold=UNSURE)["boxes"])
    return found


# The tolerance is none, as docs/compose.md states it: on one machine the same versions do the same sums.
def test_same_fingerprints_and_metrics_as_local(both: tuple[Project, Project]) -> None:
    here, there = records(both[0]), records(both[1], *STAGING)
    assert here.keys() == there.keys()
    for address, record in here.items():
        if address in ("serving.api", "tracking"):  # they listen at ports of their own
            continue
        assert there[address]["fingerprint"] == record["fingerprint"], address
        assert there[address].get("metrics") == record.get("metrics"), address
    assert any(here["training.detector"]["metrics"].values()), "nothing to compare"


def test_same_weights_as_local(both: tuple[Project, Project]) -> None:
    here, there = records(both[0]), records(both[1], *STAGING)
    for address in ("steps.scenes", "training.detector"):
        made = {name: output["digest"] for name, output in there[address]["outputs"].items()}
        assert made == {name: output["digest"] for name, output in here[address]["outputs"].items()}, address


def test_same_boxes_as_local(both: tuple[Project, Project], tmp_path: Path) -> None:
    local, staging = both
    found = boxes(local, tmp_path)
    assert all(found), "nothing to compare"
    assert boxes(staging, tmp_path, *STAGING) == found


def test_plan_after_apply_is_empty(both: tuple[Project, Project]) -> None:
    assert both[1].actions(*STAGING) == {}


def test_what_was_made_there_is_restored_here(both: tuple[Project, Project]) -> None:
    actions = both[1].actions()
    assert {action for at, action in actions.items() if at.startswith(("steps", "sources", "training"))} == {"restore"}
