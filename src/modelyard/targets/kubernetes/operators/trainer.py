"""Kubeflow Trainer: a training on several nodes as a TrainJob, which brings the Service and the ranks.

The pod stands whole in a TrainingRuntime of the TrainJob's own, so that nothing of it is left to a runtime that
somebody else looks after: user, seccomp profile, volumes and requests are what any other task of the project has.
"""

from copy import deepcopy

from modelyard.graph.model import Node
from modelyard.targets.kubernetes.kinds import Object, name_of
from modelyard.targets.kubernetes.operators.layout import lay_out
from modelyard.targets.kubernetes.workers import environment_of, processes_of

GROUP = "trainer.kubeflow.org"
_CONTAINER = "node"  # Trainer tells torchrun's environment to the container of this name alone

RULES = (
    {
        "apiGroups": [GROUP],
        "resources": ["trainjobs", "trainingruntimes"],
        "verbs": ["create", "delete", "get", "list", "watch"],
    },
)


def train_job(job: Object, node: Node) -> list[Object]:
    """The TrainingRuntime and the TrainJob in place of the Job of one attempt, under its name."""
    spec, metadata = job["spec"], job["metadata"]
    template = deepcopy(spec["template"])
    container = template["spec"]["containers"][0]
    container |= {"name": _CONTAINER, "env": environment_of(container, node)}
    of_jobs = {key: spec[key] for key in ("backoffLimit", "podFailurePolicy") if key in spec}
    if "podFailurePolicy" in of_jobs:
        of_jobs["podFailurePolicy"] = _renamed(of_jobs["podFailurePolicy"])
    values = {"name": name_of(job), "metadata": _plain(metadata), "nodes": node.resources.nodes}
    runtime = lay_out("trainingruntime", **values, job=of_jobs, template=template)
    deadline = spec.get("activeDeadlineSeconds")
    return [runtime, lay_out("trainjob", **values, processes=processes_of(node), deadline=deadline)]


def _plain(metadata: Object) -> Object:
    return {key: metadata[key] for key in ("namespace", "labels", "annotations") if key in metadata}


def _renamed(policy: Object) -> Object:
    made = deepcopy(policy)
    for rule in made["rules"]:
        if "containerName" in rule.get("onExitCodes", {}):
            rule["onExitCodes"]["containerName"] = _CONTAINER
    return made
