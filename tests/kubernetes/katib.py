"""Katib in short: it draws parameters at random, makes Trials and their Jobs, and reads the metric in the pods' logs.

What it does to a trial's Job is what Katib does: text is replaced in JSON, and the command's words go through a shell.
"""

import json
import random
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from cluster import ApiServer
from cluster.refusals import Refusal

VERSION = "kubeflow.org/v1beta1"
_OF = "katib.kubeflow.org/experiment"
Object = dict[str, Any]


def install(server: ApiServer) -> None:
    """Its kinds, whose schemas Katib leaves open."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    for kind in ("Experiment", "Trial"):
        plural = f"{kind.lower()}s"
        names = {"plural": plural, "kind": kind, "singular": kind.lower()}
        versions = [{**served, "subresources": {"status": {}}}]
        server.objects.create(
            {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": f"{plural}.kubeflow.org"},
                "spec": {"group": "kubeflow.org", "scope": "Namespaced", "names": names, "versions": versions},
            }
        )


@contextmanager
def katib(server: ApiServer, namespace: str) -> Iterator[None]:
    install(server)
    done = threading.Event()
    controller = _Katib(server, namespace)

    def control() -> None:
        while not done.wait(0.3):
            for one in server.objects.listed("Experiment", namespace):
                with suppress(Refusal):  # it is gone
                    controller.step(one)

    thread = threading.Thread(target=control)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class _Katib:
    def __init__(self, server: ApiServer, namespace: str) -> None:
        self._server, self._namespace = server, namespace
        self._random = random.Random(7)

    def step(self, one: Object) -> None:
        name, spec = one["metadata"]["name"], one["spec"]
        if _holds(one, "Succeeded", "Failed") or one["metadata"].get("deletionTimestamp"):
            return
        for trial in self._trials(name):
            self._judge(trial, spec)
        trials = self._trials(name)
        ended = [trial for trial in trials if _holds(trial, "Succeeded", "Failed", "MetricsUnavailable")]
        room = min(spec["parallelTrialCount"] - len(trials) + len(ended), spec["maxTrialCount"] - len(trials))
        for _ in range(room):
            self._begin(one)
        self._server.objects.set_status("Experiment", self._namespace, name, _status(spec, self._trials(name)))

    def _trials(self, name: str) -> list[Object]:
        found = self._server.objects.listed("Trial", self._namespace)
        return [trial for trial in found if trial["metadata"]["labels"][_OF] == name]

    def _begin(self, one: Object) -> None:
        template, meta = one["spec"]["trialTemplate"], one["metadata"]
        name = f"{meta['name']}-{self._random.randbytes(4).hex()}"
        drawn = {each["name"]: self._draw(each) for each in one["spec"]["parameters"]}
        text = json.dumps(template["trialSpec"])
        for each in template["trialParameters"]:
            value = name if each["reference"] == "${trialSpec.Name}" else drawn[each["reference"]]
            text = text.replace(f"${{trialParameters.{each['name']}}}", value)
        job = json.loads(text)
        labels = {**meta["labels"], _OF: meta["name"]}
        known = {"name": name, "namespace": self._namespace, "labels": labels}
        trial = {
            "apiVersion": VERSION, "kind": "Trial", "metadata": {**known, "ownerReferences": [_owner(one)]},
            "spec": {"parameterAssignments": [{"name": key, "value": drawn[key]} for key in drawn]},
        }  # fmt: skip
        made = self._server.objects.create(trial)
        job["metadata"] |= {"name": name, "namespace": self._namespace, "ownerReferences": [_owner(made)]}
        pod = job["spec"]["template"]
        pod["metadata"]["labels"] |= labels
        container = pod["spec"]["containers"][0]
        line = " ".join([*container["command"], *container["args"], "&&", "echo", "completed"])
        container |= {"command": ["sh", "-c"], "args": [line]}
        self._server.objects.create(job)

    def _draw(self, parameter: Object) -> str:
        space = parameter["feasibleSpace"]
        if "list" in space:
            return str(self._random.choice(space["list"]))
        low, high = float(space["min"]), float(space["max"])
        value = self._random.uniform(low, high)
        return str(round(value)) if parameter["parameterType"] == "int" else repr(value)

    def _judge(self, trial: Object, spec: Object) -> None:
        """Once its Job is over."""
        if _holds(trial, "Succeeded", "Failed", "MetricsUnavailable"):
            return
        name = trial["metadata"]["name"]
        job = self._server.objects.get("Job", self._namespace, name)
        if _holds(job, "Failed"):
            self._ends(name, "Failed", {})
        elif _holds(job, "Complete"):
            found = self._metrics(name, spec)
            metric = {"name": spec["objective"]["objectiveMetricName"], "latest": found[-1]} if found else {}
            self._ends(name, "Succeeded" if found else "MetricsUnavailable", metric)

    def _metrics(self, name: str, spec: Object) -> Sequence[str]:
        (pattern,) = spec["metricsCollectorSpec"]["source"]["filter"]["metricsFormat"]
        objective = spec["objective"]["objectiveMetricName"]
        pods = [
            pod
            for pod in self._server.objects.listed("Pod", self._namespace)
            if any(owner["name"] == name for owner in pod["metadata"].get("ownerReferences") or ())
        ]
        container = spec["trialTemplate"]["primaryContainerName"]
        log = self._server.logs.files[self._namespace, pods[0]["metadata"]["uid"], container].read_text()
        return [value for metric, value in re.findall(pattern, log) if metric == objective]

    def _ends(self, name: str, how: str, metric: Object) -> None:
        observation = {"metrics": [metric]} if metric else {}
        status = {"conditions": [{"type": how, "status": "True"}], "observation": observation}
        self._server.objects.set_status("Trial", self._namespace, name, status)


def _status(spec: Object, trials: Sequence[Object]) -> Object:
    by = {
        how: [trial["metadata"]["name"] for trial in trials if _holds(trial, how)]
        for how in ("Succeeded", "Failed", "MetricsUnavailable")
    }
    failed = len(by["Failed"]) + len(by["MetricsUnavailable"])
    over = failed >= spec["maxFailedTrialCount"] and "Failed"
    over = over or (failed + len(by["Succeeded"]) >= spec["maxTrialCount"] and "Succeeded")
    return {
        "trials": len(trials),
        "trialsSucceeded": len(by["Succeeded"]),
        "trialsFailed": len(by["Failed"]),
        "failedTrialList": by["Failed"],
        "metricsUnavailableTrialList": by["MetricsUnavailable"],
        "currentOptimalTrial": _best(spec, trials),
        "conditions": [{"type": "Running", "status": "False" if over else "True"}]
        + ([{"type": over, "status": "True", "message": f"Experiment has {over.lower()}"}] if over else []),
    }


def _best(spec: Object, trials: Sequence[Object]) -> Object:
    told = [one["status"]["observation"] for one in trials if _holds(one, "Succeeded")]
    better = max if spec["objective"]["type"] == "maximize" else min
    return {"observation": better(told, key=lambda one: float(one["metrics"][0]["latest"]))} if told else {}


def _holds(obj: Mapping[str, Any], *types: str) -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(one["type"] in types and one["status"] == "True" for one in conditions)


def _owner(one: Object) -> Object:
    meta = one["metadata"]
    return {
        "apiVersion": one["apiVersion"], "kind": one["kind"], "name": meta["name"], "uid": meta["uid"],
        "controller": True,
    }  # fmt: skip
