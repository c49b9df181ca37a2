"""What operators are given, against their own CRDs: the pods are those that run without them."""

from dataclasses import replace
from pathlib import Path

import pytest
from workloads import api, endpoint, job, network

from crds import problems
from documents import task_document
from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph
from modelyard.targets.kubernetes.inventory import Inventory, identity_of, member
from modelyard.targets.kubernetes.manifests import objects_of, task_objects
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.operators import queue_labels, runner_rules, serving_objects, training_objects
from modelyard.targets.kubernetes.settings import Cluster

SCOPE = Scope("p", "prod", "ml")


def cluster(**operators: str) -> Cluster:
    return Cluster(namespace="ml", operators=operators)


def of_kind(objects, kind):
    (found,) = [one for one in objects if one["kind"] == kind]
    return found


def test_without_operators_all_stays_as_it_is():
    objects = endpoint(scaled=True)
    assert serving_objects(objects, api(), cluster()) == objects
    assert training_objects(job(), network(nodes=1), SCOPE, cluster()) == [job()]
    assert (queue_labels(cluster()), runner_rules(cluster())) == ({}, [])


def test_trainer_has_the_whole_pod_in_a_runtime_of_its_own():
    runtime, train = training_objects(job(), network(nodes=3, gpu=2), SCOPE, cluster(training="trainer"))

    assert (problems(runtime), problems(train)) == ([], [])
    assert train["spec"]["trainer"] == {"numNodes": 3, "numProcPerNode": 2}
    assert train["spec"]["runtimeRef"]["name"] == runtime["metadata"]["name"] == train["metadata"]["name"]
    (replicated,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    asked = job()["spec"]["template"]["spec"]
    given = replicated["template"]["spec"]["template"]["spec"]
    assert given == {**asked, "containers": [{**asked["containers"][0], "name": "node"}]}
    (rule,) = replicated["template"]["spec"]["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"]["containerName"] == "node"
    assert {"trainjobs", "trainingruntimes"} == set(runner_rules(cluster(training="trainer"))[0]["resources"])


def test_trainer_is_for_several_nodes_only():
    assert training_objects(job(), network(nodes=1), SCOPE, cluster(training="trainer")) == [job()]


def test_kueue_finds_its_queue_by_a_label():
    assert queue_labels(cluster(queue="kueue")) == {"kueue.x-k8s.io/queue-name": "default"}
    named = Cluster(operators={"queue": "kueue"}, queue="team-ml")
    assert queue_labels(named) == {"kueue.x-k8s.io/queue-name": "team-ml"}


def test_kserve_runs_our_server_and_leaves_the_number_of_pods_to_our_autoscaler():
    objects = serving_objects(endpoint(scaled=True), api(2, 5), cluster(serving="kserve"))

    service = of_kind(objects, "InferenceService")
    assert problems(service) == []
    assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"
    assert service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "external"
    predictor = service["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 5)
    assert predictor["containers"][0]["name"] == "kserve-container"
    assert predictor["securityContext"]["runAsNonRoot"] is True
    target = of_kind(objects, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert target["name"] == f"{service['metadata']['name']}-predictor"
    names = {one["metadata"]["name"] for one in objects if one["kind"] == "Service"}
    assert service["metadata"]["name"] not in names, "KServe makes a Service of its InferenceService's name"


def test_kserve_keeps_a_fixed_number_where_nothing_scales():
    service = of_kind(serving_objects(endpoint(), api(2, 2), cluster(serving="kserve")), "InferenceService")
    assert service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "none"
    assert service["spec"]["predictor"]["minReplicas"] == 2


@pytest.mark.parametrize("name", ["seldon", "seldon-v1"])
def test_seldon_runs_our_server_without_its_engine(name):
    objects = serving_objects(endpoint(), api(), cluster(serving=name))

    deployment = of_kind(objects, "SeldonDeployment")
    assert problems(deployment) == []
    (predictor,) = deployment["spec"]["predictors"]
    assert predictor["annotations"] == {"seldon.io/no-engine": "true"}
    assert predictor["replicas"] == 2
    (component,) = predictor["componentSpecs"]
    assert predictor["graph"]["name"] == component["spec"]["containers"][0]["name"]
    assert component["metadata"]["annotations"] == {"a": "b", "of": "pods"}
    assert of_kind(objects, "Service")


def test_seldon_scales_by_its_own_older_words():
    metric = {
        "type": "Pods",
        "pods": {
            "metric": {"name": "modelyard_requests_per_second"},
            "target": {"type": "AverageValue", "averageValue": "50"},
        },
    }  # fmt: skip
    for given, wanted in ((None, "targetAverageUtilization"), (metric, "targetAverageValue")):
        objects = serving_objects(endpoint(scaled=True, metric=given), api(2, 5), cluster(serving="seldon"))
        deployment = of_kind(objects, "SeldonDeployment")
        assert problems(deployment) == []
        (predictor,) = deployment["spec"]["predictors"]
        assert wanted in str(predictor["componentSpecs"][0]["hpaSpec"]["metrics"])
        assert "replicas" not in predictor
        assert not [one for one in objects if one["kind"] == "HorizontalPodAutoscaler"]


def test_seldon_refuses_a_metric_that_it_has_no_word_for():
    with pytest.raises(ModelyardError, match="type External"):
        serving_objects(endpoint(scaled=True, metric={"type": "External"}), api(), cluster(serving="seldon"))


def test_the_check_itself_refuses_what_a_crd_does_not_know():
    _, train = training_objects(job(), network(), SCOPE, cluster(training="trainer"))
    train["spec"]["trainer"]["nodes"] = 2
    assert any("nodes" in line for line in problems(train))
    del train["spec"]["runtimeRef"]
    assert any("runtimeRef" in line for line in problems(train))


def test_trainers_own_python_models_read_it_too():
    models = pytest.importorskip("kubeflow_trainer_api.models", reason="kubeflow-trainer-api is not installed")
    runtime, train = training_objects(job(), network(nodes=2, gpu=1), SCOPE, cluster(training="trainer"))

    read = models.TrainerV1alpha1TrainJob.from_dict(train)
    assert read.spec.trainer.num_nodes == 2
    assert read.to_dict()["spec"] == train["spec"]
    kept = models.TrainerV1alpha1TrainingRuntime.from_dict(runtime)
    assert kept.spec.ml_policy.torch is not None
    assert kept.to_dict()["spec"]["template"]["spec"]["replicatedJobs"]


def test_kserves_own_python_models_know_each_field():
    models = pytest.importorskip("kserve.models", reason="kserve is not installed: it wants other versions than we do")
    service = of_kind(serving_objects(endpoint(), api(), cluster(serving="kserve")), "InferenceService")

    for name, value in (
        ("V1beta1InferenceService", service),
        ("V1beta1InferenceServiceSpec", service["spec"]),
        ("V1beta1PredictorSpec", service["spec"]["predictor"]),
    ):
        assert value.keys() <= set(getattr(models, name).attribute_map.values())


def rendered(node, **operators):
    """As `render` and `apply` make them, in the order in which they are applied."""
    given = replace(node, config={**node.config, "model": "registry.m"}) if node.kind == "serve" else node
    graph = Graph("p", {node.address: given}, "prod", {"kubernetes": {"namespace": "ml"}})
    images = dict.fromkeys(("tasks", "serving", "tracking"), "registry.example.com/p:1")
    return objects_of(graph, SCOPE, cluster(**operators), images)


@pytest.mark.parametrize(
    ("operator", "kind"),
    [("kserve", "InferenceService"), ("seldon", "SeldonDeployment"), ("seldon-v1", "SeldonDeployment")],
)
@pytest.mark.parametrize("most", [1, 4])
def test_an_endpoint_as_it_is_rendered_is_what_its_operator_takes(operator, kind, most):
    plain, objects = rendered(api(1, most)), rendered(api(1, most), serving=operator)

    assert problems(of_kind(objects, kind)) == []
    gone = {one["kind"] for one in plain} - {one["kind"] for one in objects}
    assert gone - {"HorizontalPodAutoscaler"} == {"Deployment"}
    kinds = [one["kind"] for one in objects]
    assert kinds.index("ConfigMap") < kinds.index(kind), "what its pods read is there before them"
    role = next(one for one in objects if one["kind"] == "Role")
    assert f"{kind.lower()}s" in str(role["rules"]), "the runner looks whether it is ready"


def test_a_training_on_several_nodes_is_what_trainer_takes():
    node = replace(network(nodes=2, gpu=1), config={"engine": "torch", "call": "net:build"})
    document = task_document(Path("/p"), node)

    configmap, runtime, train = task_objects(document, node, SCOPE, cluster(training="trainer"), "image:1")
    assert (problems(runtime), problems(train)) == ([], [])
    assert configmap["kind"] == "ConfigMap"
    assert "trainjobs" in str(next(one for one in rendered(node, training="trainer") if one["kind"] == "Role"))
    kinds = [one["kind"] for one in rendered(node, training="trainer")]
    assert "Service" not in kinds, "Trainer brings its own"


def test_a_queue_holds_jobs_of_either_kind():
    node = replace(network(nodes=2), config={"engine": "torch", "call": "net:build"})
    for operators in ({"queue": "kueue"}, {"queue": "kueue", "training": "trainer"}):
        *_, last = task_objects(task_document(Path("/p"), node), node, SCOPE, cluster(**operators), "image:1")
        assert last["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "default"


def test_what_an_operator_makes_is_not_pruned_and_is_no_service_of_its_own():
    service = of_kind(rendered(api(), serving="kserve"), "InferenceService")
    mine = member(service, SCOPE)
    # KServe gives its Deployment the labels and annotations of the InferenceService, all of them.
    owner = {"kind": "InferenceService", "name": service["metadata"]["name"], "uid": "u", "controller": True}
    metadata = {**mine["metadata"], "name": f"{service['metadata']['name']}-predictor", "ownerReferences": [owner]}
    child = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}
    found = Inventory(SCOPE, frozenset(), {identity_of(one): one for one in (mine, child)}, None)

    assert found.pruned([service]) == []
    assert [one["kind"] for one in found.members()] == ["InferenceService"]
