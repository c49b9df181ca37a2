"""A training on several nodes: what its Job, its Service and its pods are told."""

from dataclasses import replace

import kubernetes_validate
import pytest
from workloads import job, network

from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.workers import with_workers, worker_objects
from modelyard.torchrun import torchrun_of

SCOPE = Scope("p", "prod", "ml")


def environment(made):
    return {one["name"]: one for one in made["spec"]["template"]["spec"]["containers"][0]["env"]}


def test_each_pod_knows_its_rank_and_where_the_leader_is():
    made = with_workers(job("p-prod-training-net-1"), network(nodes=3, gpu=2), SCOPE)

    told = environment(made)
    assert told["PET_NNODES"]["value"] == "3"
    assert told["PET_NPROC_PER_NODE"]["value"] == "2"
    assert told["PET_NODE_RANK"]["valueFrom"]["fieldRef"]["fieldPath"].endswith("job-completion-index']")
    service, _ = worker_objects(network(nodes=3), SCOPE)
    leader = f"p-prod-training-net-1-0.{service['metadata']['name']}"  # the Job's pod of index 0, by the Service's name
    assert told["PET_MASTER_ADDR"]["value"] == leader
    assert made["spec"]["template"]["spec"]["subdomain"] == service["metadata"]["name"]
    assert told["HOME"], "what the pod had before is kept"

    plain = {name: one.get("value", "2") for name, one in told.items()}
    assert torchrun_of(plain).world == 6


def test_the_job_has_succeeded_with_its_leader():
    spec = with_workers(job(), network(nodes=3), SCOPE)["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 3, 3)
    assert spec["successPolicy"] == {"rules": [{"succeededIndexes": "0"}]}


def test_one_process_on_one_machine_is_a_plain_job():
    assert with_workers(job(), network(nodes=1), SCOPE) == job()
    assert with_workers(job(), network(nodes=1, gpu=4, engine="ultralytics"), SCOPE) == job()
    assert worker_objects(network(nodes=1), SCOPE) == []


def test_several_gpus_of_one_machine_are_several_processes():
    made = with_workers(job(), network(nodes=1, gpu=4), SCOPE)
    told = environment(made)
    assert (told["PET_NPROC_PER_NODE"]["value"], told["PET_MASTER_ADDR"]["value"]) == ("4", "127.0.0.1")
    assert "completionMode" not in made["spec"]


def test_processes_share_the_cores_of_their_pod():
    alone = job()
    alone["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "OMP_NUM_THREADS", "value": "8"})
    node = network(nodes=1, gpu=4)
    made = with_workers(alone, replace(node, resources=replace(node.resources, cpu=8)), SCOPE)
    assert environment(made)["OMP_NUM_THREADS"]["value"] == "2"


def test_the_pods_reach_each_other_and_nobody_else_reaches_them():
    service, policy = worker_objects(network(nodes=2), SCOPE)
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    selector = SCOPE.match("training.net")
    assert service["spec"]["selector"] == policy["spec"]["podSelector"]["matchLabels"] == selector
    assert policy["spec"]["ingress"] == [{"from": [{"podSelector": {"matchLabels": selector}}]}]
    (alone,) = worker_objects(network(nodes=2), SCOPE, named=False)
    assert alone == policy


@pytest.mark.parametrize("version", ["1.32", "1.36", "1.37"])
def test_they_are_valid_kubernetes(version):
    for obj in (with_workers(job(), network(nodes=2, gpu=1), SCOPE), *worker_objects(network(nodes=2), SCOPE)):
        kubernetes_validate.validate(obj, version, strict=True)
