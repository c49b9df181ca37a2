"""The digits example on a short schedule: pictures to boxes over HTTP. The full schedule is `make demo`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e_project import Project

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def digits(example: Callable[[str], Project]) -> Project:
    project = example("digits")
    project.edit("default: 400, description: Scenes", "default: 80, description: Scenes")
    spec = project.root / "mlops.yaml"
    text = spec.read_text()
    start = text.index("  epochs: {type: int, default: ")
    line = text[start : text.index("\n", start)]
    text = text.replace(line, "  epochs: {type: int, default: 2, description: Passes over the training scenes}")
    text = text.replace("min_value: 20}", "min_value: 1}").replace("metrics.mAP50 >= 0.85", "metrics.mAP50 >= 0.0")
    spec.write_text(text)
    project.run("apply", "--auto-approve")
    return project


def test_plan_after_apply_is_empty(digits: Project) -> None:
    digits.run("plan", "--detailed-exitcode")


def test_a_picture_comes_back_with_boxes(digits: Project, tmp_path: Path) -> None:
    picture, drawn = tmp_path / "scene.png", tmp_path / "boxes.png"
    digits.run("show", "steps.scenes:unseen", "--get", "images/0000.png", "--to", str(picture))
    answer = json.loads(digits.run("predict", "serving.api", str(picture), "--draw", str(drawn)).stdout)
    assert isinstance(answer["boxes"], list)
    assert drawn.stat().st_size > 0


def test_a_changed_learning_rate_plans_train_evaluate_register_and_serve(digits: Project) -> None:
    digits.edit("lr0: 0.003", "lr0: 0.002")
    plan = digits.json("plan")
    changed = [change for change in plan["changes"] if change["action"] != "no-op"]
    assert [change["address"] for change in changed] == [
        "training.detector", "training.detector.evaluate", "registry.digits", "serving.api",
    ]  # fmt: skip
    reason = changed[0]["reasons"][0]
    assert (reason["what"], reason["before"], reason["after"]) == ("params.lr0", "0.003", "0.002")
    digits.edit("lr0: 0.002", "lr0: 0.003")


def test_scenes_are_made_as_asked(digits: Project) -> None:
    seen = digits.run("show", "steps.scenes:seen").stdout.count(".png")
    unseen = digits.run("show", "steps.scenes:unseen").stdout.count(".png")
    assert (seen, unseen) == (80, 80)
