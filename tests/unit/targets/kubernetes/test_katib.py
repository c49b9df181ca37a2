"""A study as Katib is given it: valid for Katib, words that survive its shell, and pods that are ours."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from cluster_projects import compiled
from pod_security import violations

from crds import problems
from documents import task_document
from modelyard.graph.model import Node, Resources
from modelyard.targets.kubernetes.kinds import Object
from modelyard.targets.kubernetes.manifests import study_objects, task_objects
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.operators import katib
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.task import encode_event
from modelyard.trials import METRICS, metric_event, trial_of, values_of, words_of_choices

SCOPE = Scope("p", "prod", "ml")
SPACE = {
    "rate": {"from": 1e-05, "to": 0.3, "log": True},
    "leaves": {"from": 4, "to": 32, "int": True, "step": 4},
    "layers": {"choices": [[8, 8], [16], None]},
    "kind": {"choices": ["a", "b;rm -rf"]},
    "flag": {"choices": [True, False]},
}


def study(**config: Any) -> Node:
    given = {
        "training": {"engine": "sklearn", "model": "Ridge"}, "objectives": {"rmse": "minimize"}, "space": SPACE,
        "sampler": "tpe", "seed": 7, "budget": {"trials": 12, "parallel": 3}, **config,
    }  # fmt: skip
    return Node("tuning.late", "tune", config=given, outputs=("model", "trials", "plots"), resources=Resources(cpu=2))


def objects(node: Node, **settings: Any) -> list[Object]:
    cluster = Cluster(namespace="ml", operators={"tuning": "katib", **settings.pop("operators", {})}, **settings)
    document = task_document(Path("/p"), node, project="p", fingerprint="b3:" + "ab" * 32)
    return study_objects(document, node, SCOPE, cluster, "image:1")


def drawn(experiment: Object, name: str, words: dict[str, str]) -> Object:
    """The Job of one trial, as Katib makes it: by replacing text in JSON."""
    template = experiment["spec"]["trialTemplate"]
    text = json.dumps(template["trialSpec"])
    values = {**words, "${trialSpec.Name}": name}
    for one in template["trialParameters"]:
        text = text.replace(f"${{trialParameters.{one['name']}}}", values[one["reference"]])
    assert "${" not in text
    return json.loads(text)


def test_an_experiment_says_of_a_study_what_katib_knows_of_it() -> None:
    configmap, experiment = objects(study())
    assert problems(experiment) == []
    spec = experiment["spec"]
    assert spec["objective"] == {
        "type": "minimize", "objectiveMetricName": "rmse", "metricStrategies": [{"name": "rmse", "value": "latest"}],
    }  # fmt: skip
    assert spec["algorithm"]["algorithmName"] == "multivariate-tpe"
    assert spec["algorithm"]["algorithmSettings"] == [{"name": "random_state", "value": "7"}]
    assert (spec["maxTrialCount"], spec["parallelTrialCount"], spec["maxFailedTrialCount"]) == (12, 3, 12)
    space = {one["name"]: (one["parameterType"], one["feasibleSpace"]) for one in spec["parameters"]}
    assert space["rate"] == ("double", {"min": "1e-05", "max": "0.3", "distribution": "logUniform"})
    assert space["leaves"] == ("int", {"min": "4", "max": "32", "step": "4"})
    assert space["flag"] == ("categorical", {"list": ["true", "false"]})
    assert space["kind"] == ("categorical", {"list": ["choice-1", "choice-2"]}), "a shell would read the second"
    assert configmap["metadata"]["name"] == experiment["metadata"]["name"]


def test_katibs_own_python_models_read_it_too() -> None:
    models = pytest.importorskip("kubeflow_katib_api.models", reason="kubeflow-katib-api is not installed")
    _, experiment = objects(study(pruner="median"))
    read = models.V1beta1Experiment.from_dict(experiment)
    assert read.spec.early_stopping.algorithm_name == "medianstop"
    assert read.to_dict()["spec"] == experiment["spec"]


def test_katib_has_no_more_than_forty_letters_for_a_name_and_the_same_study_has_the_same_one() -> None:
    long = Scope("a-project-with-a-long-name", "production", "ml")
    names = {long.study_name(f"tuning.{word}", f"b3:{digest * 64}") for word in ("late", "l-ate") for digest in "ab"}
    assert len(names) == 4
    other = Scope("a-project-with-a-long-name", "prod", "ml").study_name("tuning.late", "b3:" + "a" * 64)
    assert other not in names, "another environment's study of the same fingerprint"
    assert all(re.fullmatch(r"[a-z][-a-z0-9]{0,38}[a-z0-9]", name) for name in names)


def test_what_katib_draws_comes_through_its_shell_to_the_trial() -> None:
    _, experiment = objects(study())
    words = {"rate": "0.0012", "leaves": "12", "layers": "choice-1", "kind": "choice-2", "flag": "true"}
    container = drawn(experiment, "p-abc", words)["spec"]["template"]["spec"]["containers"][0]
    # As Katib wraps it: `sh -c`, all words joined by spaces, nothing quoted.
    line = " ".join([*container["command"], *container["args"]])
    told = trial_of(shlex.split(line)[len(container["command"]) + 1 :])
    assert shlex.split(line) == line.split(" ")
    assert told["trial"] == "p-abc"
    assert values_of(told["words"], SPACE) == {
        "rate": 0.0012, "leaves": 12, "layers": [8, 8], "kind": "b;rm -rf", "flag": True,
    }  # fmt: skip


def test_values_are_held_to_their_range() -> None:
    space = {"x": {"from": 0.1, "to": 0.3, "step": 0.1}, "n": {"from": 1, "to": 5, "int": True}}
    assert values_of({"x": "0.30000000000000004", "n": "3.0"}, space) == {"x": 0.3, "n": 3}
    assert words_of_choices([1, "1"]) == ["choice-1", "choice-2"], "two choices of one word"


def test_the_collector_finds_the_metric_in_the_log_and_nothing_else() -> None:
    _, experiment = objects(study())
    (pattern,) = experiment["spec"]["metricsCollectorSpec"]["source"]["filter"]["metricsFormat"]
    assert pattern == METRICS
    assert ";" not in pattern, "Katib joins patterns by it"
    log = f"rmse = 3\n{encode_event(metric_event('rmse', 1.5e-07))}\n" + encode_event({"event": "metric", "rmse": 2})
    assert re.findall(pattern, log) == [("rmse", "1.5e-07")]


@pytest.mark.parametrize("more", [{}, {"pruner": "median"}])
def test_trials_are_pods_of_ours_and_nothing_else_that_katib_makes_is(more: dict[str, str]) -> None:
    node = study(**more)
    _, experiment = objects(node, operators={"queue": "kueue"})
    job = experiment["spec"]["trialTemplate"]["trialSpec"]
    pod = job["spec"]["template"]
    assert violations(pod["spec"]) == []
    assert job["metadata"]["labels"] == {"kueue.x-k8s.io/queue-name": "default"}
    assert {"name", "namespace"} & job["metadata"].keys() == set(), "Katib names it"
    assert SCOPE.own_labels.items() <= pod["metadata"]["labels"].items()
    # Katib puts an Experiment's labels on all that it makes, over what is there.
    labels = experiment["metadata"]["labels"]
    assert labels.items() <= pod["metadata"]["labels"].items()
    assert not SCOPE.own_labels.keys() & labels.keys()
    *_, plain = task_objects(task_document(Path("/p"), node), node, SCOPE, Cluster(namespace="ml"), "image:1")
    ours = plain["spec"]["template"]["spec"]
    assert {**pod["spec"], "containers": [], "volumes": []} == {**ours, "containers": [], "volumes": []}
    assert pod["spec"]["containers"][0]["command"], "Katib reads it where it has no registry to ask"


def test_a_grid_is_not_asked_for_more_than_it_has() -> None:
    space = {"a": {"choices": [1, 2, 3]}, "b": {"from": 0.0, "to": 0.4, "step": 0.1}}
    _, experiment = objects(study(sampler="grid", space=space, budget={"trials": 40, "parallel": 20}))
    assert (experiment["spec"]["maxTrialCount"], experiment["spec"]["parallelTrialCount"]) == (15, 15)


SPEC = """\
version: 1
project: p
sources: {a: {type: table, path: 's3://b/a.parquet', split: {train: 70%, val: 15%, test: 15%}}}
training: {late: {data: sources.a, columns: [x], target: y, engine: sklearn, model: Ridge}}
tuning: {late: {training: training.late, minimize: rmse, space: {alpha: [1, 2]}}}
registry: {late: {from: tuning.late}}
environments: {prod: {target: {kubernetes: {namespace: ml, store: 1Gi, OPERATORS}}}}
"""


@pytest.mark.parametrize("operators", ["", "operators: {tuning: katib}"])
def test_only_who_asks_for_katib_has_anything_of_it(tmp_path: Path, operators: str) -> None:
    project = compiled(tmp_path, SPEC.replace("OPERATORS", operators))
    files, asked = project.files(), bool(operators)
    role = project.one("Role", "runner")
    rules = [rule for rule in role["rules"] if "kubeflow.org" in rule["apiGroups"]]
    granted = {rule["resources"][0]: set(rule["verbs"]) for rule in rules}
    verbs = {"experiments": {"create", "delete", "get", "list"}, "trials": {"list"}}
    assert granted == (verbs if asked else {})
    assert any(path.startswith("jobs/experiment-") for path in files) == asked
    assert ("networkpolicy-p-prod-trials.yaml" in files) == asked
    assert "jobs/job-p-prod-tuning-late.yaml" in files, "what gathers the trials, or runs them"


def test_an_experiment_is_known_by_its_annotations() -> None:
    _, experiment = objects(study())
    assert katib.is_of(experiment, SCOPE)
    assert not katib.is_of(experiment, Scope("p", "dev", "ml"))
