"""A study on a cluster with Katib: trials in pods of their own, gathered at their end, the best one registered."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest
from cluster_project import NAMESPACE, ClusterProject, in_cluster
from katib import katib

from modelyard.store import Store
from modelyard.targets.kubernetes.operators.katib import STUDY
from watching import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

SPEC = """
version: 1
project: study
steps:
  rows: {run: "python rows.py ${outputs.rows}", outputs: {rows: {type: table}}}
sources:
  rows: {type: table, path: "steps.rows:rows", split: {train: 60%, val: 20%, test: 20%}}
training:
  late: {data: sources.rows, columns: [x, z], target: {late: "y > 0"}, engine: sklearn, model: HistGradientBoostingClassifier, params: {max_iter: 5}}
tuning:
  late:
    training: training.late
    maximize: roc_auc
    space: {max_leaf_nodes: {from: 4, to: 16}, learning_rate: {from: 0.05, to: 0.3}, l2_regularization: [0, 0.1, 1]}
    budget: {trials: 3, parallel: 2}
registry:
  late: {from: tuning.late}
"""  # noqa: E501 - a table reads better in one line
ROWS = """
import random, sys
from pathlib import Path
import pandas
draw = random.Random(3)
rows = [(draw.gauss(0, 1), draw.gauss(0, 1)) for _ in range(300)]
table = pandas.DataFrame([(x, z, x - z + draw.gauss(0, 0.3)) for x, z in rows], columns=["x", "z", "y"])
Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
table.to_csv(Path(sys.argv[1], "rows.csv"), index=False)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProject]:
    folder = tmp_path_factory.mktemp("cluster")
    root = folder / "study"
    root.mkdir()
    (root / "mlops.yaml").write_text(SPEC)
    (root / "rows.py").write_text(ROWS)
    with in_cluster(root, folder, operators={"tuning": "katib"}) as project, katib(project.server, NAMESPACE):
        yield project


def outputs(project: ClusterProject, address: str) -> dict[str, Any]:
    with project.state() as state:
        record = state.applied("prod")[address]
    return {name: artifact.digest for name, artifact in record.outputs.items()}


def test_the_best_of_katibs_trials_is_registered_though_the_runner_was_killed(
    project: ClusterProject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    command = project.start("apply", "--auto-approve")
    eventually(lambda: project.server.objects.listed("Trial", NAMESPACE), seconds=400)
    (run,) = project.listed("Job", "runner")
    project.node.pod(run["metadata"]["name"]).kill()
    said = command.communicate()[1]
    assert command.returncode == 0, said + project.run("logs", "apply").stdout
    assert "goes on with Experiment study-prod-tuning-late-" in project.run("logs", "apply").stdout

    with project.state() as state:
        applied = state.applied("prod")
    metrics = applied["tuning.late"].metrics
    assert metrics["trials"] == 3
    store = Store.open({"path": str(project.store / "store")}, project.root)
    folder = store.materialize(outputs(project, "tuning.late")["trials"], tmp_path_factory.mktemp("told") / "trials")
    told = json.loads((folder / "trials.json").read_text())
    values = [trial["values"]["roc_auc"] for trial in told["trials"]]
    assert max(values) == metrics["roc_auc"] == values[told["best"]]
    assert all(
        set(trial["params"]) == {"max_leaf_nodes", "learning_rate", "l2_regularization"} for trial in told["trials"]
    )
    assert "registry.late" in applied
    assert "best roc_auc" in said
    runs = recorded(project)
    (study,) = [run for run in runs if run["name"] == "tuning.late"]
    nested = {run["trial"] for run in runs if run["parent"] == study["id"]}
    assert nested == {"0", "1", "2"}
    for kind in ("Experiment", "Trial"):
        assert project.server.objects.listed(kind, NAMESPACE) == []
    eventually(lambda: not [pod for pod in project.listed("Pod", "task") if STUDY in pod["metadata"]["labels"]], 60)


def recorded(project: ClusterProject) -> list[dict[str, Any]]:
    """The runs that MLflow has of it."""
    address = project.server.objects.get("Pod", NAMESPACE, "study-prod-tracking-0")["status"]["podIP"]
    question = Request(
        f"http://{address}:5000/api/2.0/mlflow/runs/search",
        json.dumps({"experiment_ids": ["1"], "max_results": 100}).encode(),
        {"Content-Type": "application/json", "Host": "study-prod-tracking:5000"},
    )
    with urlopen(question, timeout=30) as answer:
        runs = json.load(answer)["runs"]
    tags = [{tag["key"]: tag["value"] for tag in run["data"]["tags"]} for run in runs]
    return [
        {
            "id": run["info"]["run_id"],
            "name": run["info"]["run_name"],
            "parent": told.get("mlflow.parentRunId"),
            "trial": told.get("modelyard.trial"),
        }
        for run, told in zip(runs, tags, strict=True)
    ]
