"""Katib: a study as an Experiment, whose trials are Jobs of our own runtime, one trial each.

Labels of an Experiment become those of all that Katib makes for it: of the pods that draw parameters too, which must
not look like ours, or our NetworkPolicies would cut them off, and of the trials' pods, which must keep their component.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from modelyard.graph.model import Node
from modelyard.spec.catalog.katib import PRUNERS, algorithm_of
from modelyard.targets.kubernetes.kinds import Kind, Object, name_of
from modelyard.targets.kubernetes.names import ADDRESS, ATTEMPT, COMPONENT, OWNER, PREFIX, RUN, Scope
from modelyard.targets.kubernetes.operators.kueue import QUEUE
from modelyard.targets.kubernetes.operators.layout import lay_out
from modelyard.targets.kubernetes.settings import Cluster
from modelyard.trials import METRICS, OPTION, words_of_choices

EXPERIMENT = Kind("kubeflow.org/v1beta1", "Experiment")
TRIAL = Kind("kubeflow.org/v1beta1", "Trial")
STUDY = PREFIX + "study"
"""A label of the trials' pods: the name of their Experiment."""
OF_EXPERIMENT = "katib.kubeflow.org/experiment"
COLLECTOR = "metrics-logger-and-collector"
"""The container that Katib adds to a trial's pod; what the trial says is in this one's log, not in its own."""
_TRIAL_NAME = "trial.name"
_COMMON = ("app.kubernetes.io/instance", "app.kubernetes.io/part-of", "app.kubernetes.io/managed-by")
_KEPT = ("backoffLimit", "activeDeadlineSeconds", "podFailurePolicy")

RULES = (
    {"apiGroups": ["kubeflow.org"], "resources": ["experiments"], "verbs": ["create", "delete", "get", "list"]},
    {"apiGroups": ["kubeflow.org"], "resources": ["trials"], "verbs": ["list"]},
)


def takes_study(node: Node, cluster: Cluster) -> bool:
    return cluster.operators.get("tuning") == "katib" and node.kind == "tune"


def experiment(configmap: Object, job: Object, node: Node, scope: Scope) -> list[Object]:
    """The ConfigMap and the Experiment in place of the ConfigMap and the Job of one attempt at a study."""
    config, metadata = node.config, job["metadata"]
    space, (objective, direction) = config["space"], next(iter(config["objectives"].items()))
    sampler, budget = config.get("sampler", "tpe"), config.get("budget") or {}
    trials = int(budget.get("trials", 20))
    if sampler == "grid":  # Katib refuses to begin where there are fewer
        trials = min(trials, combinations(space))
    labels = {name: metadata["labels"][name] for name in _COMMON}
    made = lay_out(
        "experiment",
        name=name_of(job),
        namespace=metadata["namespace"],
        labels={"app.kubernetes.io/name": metadata["labels"]["app.kubernetes.io/name"], COMPONENT: "task", **labels},
        annotations=metadata["annotations"],
        objective=objective,
        direction=direction,
        algorithm=algorithm_of(sampler, len(space)),
        settings={} if sampler == "qmc" else {"random_state": str(config.get("seed", 0))},
        stopping=PRUNERS[config.get("pruner", "none")],
        parameters=[_parameter(name, space[name]) for name in sorted(space)],
        trials=trials,
        parallel=min(trials, max(1, int(budget.get("parallel", 1)))),
        metrics=METRICS,
        names={_TRIAL_NAME: "${trialSpec.Name}", **{name: name for name in sorted(space)}},
        container=job["spec"]["template"]["spec"]["containers"][0]["name"],
        trial=_trial(job, sorted(space)),
    )
    return [configmap, made]


def ways_to_katib() -> list[Object]:
    """Of the collector beside a trial: to Katib's database, in whichever namespace, and to what ends trials early."""
    manager = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"katib.kubeflow.org/component": "db-manager"}}}
    drawing = [{"key": "katib.kubeflow.org/suggestion", "operator": "Exists"}]
    return [
        {"to": [manager], "ports": [{"protocol": "TCP", "port": 6789}]},
        {"to": [{"podSelector": {"matchExpressions": drawing}}], "ports": [{"protocol": "TCP", "port": 6788}]},
    ]


def selector_of_studies(scope: Scope) -> str:
    return f"app.kubernetes.io/instance={scope.instance},{COMPONENT}=task"


def is_of(one: Object, scope: Scope) -> bool:
    """An Experiment has none of the labels by which all else is known as ours."""
    return bool((one["metadata"].get("annotations") or {}).get(OWNER) == scope.owner)


def combinations(space: Mapping[str, Mapping[str, Any]]) -> int:
    """How many points a grid has, where its steps are counted as Katib counts them."""
    found = 1
    for one in space.values():
        if one.get("choices") is not None:
            found *= len(one["choices"])
        else:
            found *= int((one["to"] - one["from"]) / (one.get("step") or 1) + 1e-9) + 1
    return found


def _parameter(name: str, settings: Mapping[str, Any]) -> Object:
    if settings.get("choices") is not None:
        return {"name": name, "type": "categorical", "space": {"list": words_of_choices(settings["choices"])}}
    whole = bool(settings.get("int"))
    bounds = {"min": settings["from"], "max": settings["to"], "step": settings.get("step")}
    made = {key: _number(value, whole) for key, value in bounds.items() if value is not None}
    if settings.get("log"):
        made["distribution"] = "logUniform"
    return {"name": name, "type": "int" if whole else "double", "space": made}


def _number(value: float, whole: bool) -> str:
    return str(int(value)) if whole else repr(float(value))


def _trial(job: Object, names: list[str]) -> Object:
    """What Katib makes a Job of. It names it, and takes no field that its own Kubernetes does not know."""
    spec = {key: job["spec"][key] for key in _KEPT if key in job["spec"]}
    template = deepcopy(job["spec"]["template"])
    template["metadata"]["labels"] |= {STUDY: name_of(job)}
    for label in (RUN, ATTEMPT):  # those whose log is followed have them
        template["metadata"]["labels"].pop(label, None)
    container = template["spec"]["containers"][0]
    words = [f"{name}=${{trialParameters.{name}}}" for name in names]
    container["args"] = [*container["args"], OPTION, f"${{trialParameters.{_TRIAL_NAME}}}", *words]
    queued = {name: value for name, value in job["metadata"]["labels"].items() if name == QUEUE}
    metadata = {"labels": queued, "annotations": {ADDRESS: job["metadata"]["annotations"][ADDRESS]}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {**spec, "template": template}}
