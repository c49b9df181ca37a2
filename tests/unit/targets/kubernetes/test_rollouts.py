"""An endpoint that rolls out: its objects, who may change them, its steps, and what is measured between them."""

from dataclasses import replace
from pathlib import Path

import pytest
from pod_security import violations
from workloads import api, endpoint

from crds import problems
from documents import task_document
from modelyard.graph.model import Graph, Node, Ref
from modelyard.plan.reasons import rollout_reasons
from modelyard.serving.settings import ServerSettings
from modelyard.serving.telemetry import Telemetry
from modelyard.targets.kubernetes.manifests import objects_of, packed, run_objects, service_objects
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.operators import serving_objects
from modelyard.targets.kubernetes.operators.knative import live_name, of_version, percent_of, with_percent
from modelyard.targets.kubernetes.readiness import readiness
from modelyard.targets.kubernetes.rendering import render_files
from modelyard.targets.kubernetes.rollouts.measuring import Measured, Reading, measured, reading_of
from modelyard.targets.kubernetes.rollouts.revisions import Revisions
from modelyard.targets.kubernetes.rollouts.steps import Rollout
from modelyard.targets.kubernetes.settings import Cluster

SCOPE = Scope("p", "prod", "ml")
CLUSTER = Cluster(namespace="ml", operators={"serving": "kserve"})
IMAGES = dict.fromkeys(("tasks", "serving", "tracking"), "registry.example.com/p:1")
ROLLOUT = {"steps": (0.05, 0.25, 0.5), "every": 600.0, "back_if": ("error_rate > 0.01", "p99_ms > 50")}
REPLICAS = {"min": 2, "max": 4, "requests_per_second": 50}
NODE = Node(
    "serving.api", "serve", "service", inputs={"version": Ref("registry.m", "version", follow=True)},
    config={"model": "m", "stage": "production", "rollout": ROLLOUT, "replicas": REPLICAS},
)  # fmt: skip
GRAPH = Graph("p", {NODE.address: NODE}, "prod", {"kubernetes": {"namespace": "ml"}})


def one(objects, kind):
    (found,) = [obj for obj in objects if obj["kind"] == kind]
    return found


def all_objects():
    return service_objects(NODE, task_document(Path("/project"), NODE), GRAPH, SCOPE, CLUSTER, IMAGES["serving"])


def test_its_inference_service_is_one_that_kserve_and_knative_take():
    service = of_version(one(all_objects(), "InferenceService"), "7")

    assert problems(service) == []
    assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Knative"
    predictor = service["spec"]["predictor"]
    assert (predictor["scaleMetric"], predictor["scaleTarget"], predictor["maxReplicas"]) == ("rps", 50, 4)
    (container,) = predictor["containers"]
    assert {"lifecycle", "startupProbe"}.isdisjoint(container)
    assert {
        "restartPolicy",
        "terminationGracePeriodSeconds",
        "topologySpreadConstraints",
        "securityContext",
    }.isdisjoint(predictor)
    assert container["ports"] == [{"containerPort": 8080, "name": "http1", "protocol": "TCP"}]
    assert container["readinessProbe"]["httpGet"]["port"] == 8080
    assert not [entry for entry in container["env"] if "fieldRef" in entry.get("valueFrom", {})]
    assert {"name": "MODELYARD_VERSION", "value": "7"} in container["env"]
    assert [entry["value"] for entry in container["env"] if entry["name"] == "MODELYARD_REPLICA"] == ["$HOSTNAME"]


def test_its_container_alone_is_what_pod_security_asks_of_the_pod():
    pod = one(all_objects(), "InferenceService")["spec"]["predictor"]
    assert violations({"containers": pod["containers"], "volumes": pod["volumes"]}) == []


def test_the_graph_brings_what_stays_and_the_run_what_begins_with_a_version():
    applied = objects_of(GRAPH, SCOPE, CLUSTER, IMAGES)
    kinds = {obj["kind"] for obj in applied if "serving-api" in obj["metadata"]["name"]}
    assert kinds == {"NetworkPolicy", "PodDisruptionBudget"}
    made = {obj["kind"] for obj in all_objects()} - kinds
    assert made == {"ConfigMap", "InferenceService"}
    rendered = render_files(GRAPH, SCOPE, CLUSTER, IMAGES)
    assert [path for path in rendered if "inferenceservice" in path] == [
        "jobs/inferenceservice-p-prod-serving-api-live.yaml"
    ]


def test_the_run_may_change_just_these():
    role = one(objects_of(GRAPH, SCOPE, CLUSTER, IMAGES), "Role")
    rules = [rule for rule in role["rules"] if rule["resources"] == ["inferenceservices"]]
    assert [(rule["verbs"], rule.get("resourceNames")) for rule in rules] == [
        (["get", "list", "watch"], None), (["create"], None), (["delete", "patch"], ["p-prod-serving-api-live"]),
    ]  # fmt: skip
    other = replace(NODE, config={**NODE.config, "rollout": None})
    role = one(objects_of(Graph("p", {NODE.address: other}, "prod"), SCOPE, CLUSTER, IMAGES), "Role")
    assert all("patch" not in rule["verbs"] for rule in role["rules"])


def test_the_run_has_the_token_by_which_servers_tell_how_they_answer():
    auth = {"tokens": ("${secret.API_TOKENS}",)}
    for rollout, wanted in ((ROLLOUT, True), (None, False)):
        node = replace(NODE, config={**NODE.config, "auth": auth, "rollout": rollout})
        graph = packed(Graph("p", {NODE.address: node}, "prod", {"kubernetes": {}}), IMAGES)
        job = one(run_objects(graph, SCOPE, CLUSTER, IMAGES["tasks"], "r1"), "Job")
        env = job["spec"]["template"]["spec"]["containers"][0]["env"]
        assert ("API_TOKENS" in {entry["name"] for entry in env}) == wanted


def test_the_run_reaches_its_servers_and_knative_too():
    policies = {
        obj["metadata"]["name"]: obj["spec"]
        for obj in objects_of(GRAPH, SCOPE, CLUSTER, IMAGES)
        if obj["kind"] == "NetworkPolicy"
    }
    serve = {"app.kubernetes.io/component": "serve"}
    asked = [
        peer["podSelector"]["matchLabels"]
        for rule in policies["p-prod-runner"]["egress"]
        for peer in rule.get("to", ())
    ]
    assert any(serve.items() <= labels.items() for labels in asked)
    ports = [port["port"] for rule in policies["p-prod-serving-api"]["ingress"] for port in rule["ports"]]
    assert {8080, 8012} <= set(ports)


def test_its_name_leaves_room_for_a_revision():
    long = SCOPE.name("serving." + "a" * 60)
    assert len(f"{live_name(long)}-predictor-00001") <= 63
    assert live_name(long) != live_name(SCOPE.name("serving." + "a" * 61))
    assert live_name("p-prod-serving-api") == "p-prod-serving-api-live"


def test_without_a_rollout_kserve_is_in_its_standard_mode():
    service = one(serving_objects(endpoint(), api(), CLUSTER), "InferenceService")
    assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"


def test_a_share_is_given_and_given_up():
    service = one(all_objects(), "InferenceService")
    shared = with_percent(service, 5)
    assert (percent_of(service), percent_of(shared), percent_of(with_percent(shared, None))) == (None, 5, None)
    assert problems(shared) == []


def test_steps_lead_to_all_of_the_requests():
    rollout = Rollout.of(NODE.config)
    assert (rollout.first, rollout.after(5), rollout.after(25), rollout.after(50)) == (5, 25, 50, None)
    assert [rollout.beginning_at(percent) for percent in (None, 0, 25, 30, 70)] == [5, 5, 25, 50, 5]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"error_rate": 0.01, "p99_ms": 50.0}, None),
        ({"error_rate": 0.5, "p99_ms": 60.0}, "error_rate > 0.01 held (error_rate = 0.5)"),
        ({"p99_ms": 60.0}, "p99_ms > 50 held (p99_ms = 60)"),
    ],
)
def test_the_first_condition_that_holds_is_told_with_its_value(values, said):
    assert Rollout.of(NODE.config).broken(Measured(requests=10, **values)) == said


def telemetry(answers):
    made = Telemetry()
    for status, seconds in answers:
        made.requests.labels("/predict", status).inc()
        made.seconds.labels("/predict").observe(seconds)
    made.requests.labels("/metrics", "500").inc()
    return reading_of(made.render().decode())


def test_only_what_came_since_is_measured_and_only_of_predictions():
    before = {"a": telemetry([("500", 5.0)] * 10)}
    after = {
        "a": telemetry([("500", 5.0)] * 10 + [("200", 0.004)] * 98),
        "b": telemetry([("503", 0.004), ("400", 0.004)]),
    }
    found = measured(before, after)
    assert (found.requests, found.error_rate) == (100, 0.01)
    assert 2.5 < found.p50_ms < 5 and 2.5 < found.p99_ms < 5, "between the bounds of the bucket of 4 ms"


def test_a_server_that_began_anew_counts_from_its_beginning():
    assert measured({"a": Reading(10, 10)}, {"a": Reading(4, 1)}) == Measured(4, 0.25)


def test_servers_that_nobody_asked_are_no_worse_than_others():
    assert measured({}, {"a": telemetry([])}) == Measured()


def test_a_revision_has_its_share_once_it_is_up():
    def revisions(created, ready, *traffic):
        told = [{"revisionName": name, "percent": percent} for name, percent in traffic]
        predictor = {"latestCreatedRevision": created, "latestReadyRevision": ready, "traffic": told}
        return Revisions.of({"status": {"components": {"predictor": predictor}}})

    assert revisions("b", "b", ("b", 5), ("a", 95)).has(5)
    assert not revisions("b", "a", ("a", 5), ("a", 95)).has(5)
    assert revisions("b", "b", ("b", 50), ("b", 50)).has(100)
    assert not Revisions.of({}).has(0)


def test_knatives_generation_is_not_held_against_the_inference_services_own():
    status = {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}
    service = {"kind": "InferenceService", "metadata": {"generation": 9}, "status": status}
    assert not readiness(service).ready
    assert readiness({**service, "status": {**status, "deploymentMode": "Knative"}}).ready


def test_the_plan_says_how_a_version_comes():
    (reason,) = rollout_reasons(NODE)
    assert str(reason) == "new version, rolled out in 3 steps of 10m"
    assert rollout_reasons(replace(NODE, config={"rollout": None})) == ()


def test_a_server_that_is_told_a_version_follows_no_stage(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELYARD_VERSION", "7")
    settings = ServerSettings.read("serving.api", NODE.config, tmp_path, tmp_path, {})
    assert (settings.channel, settings.pinned) == ("registry/m/7", True)
