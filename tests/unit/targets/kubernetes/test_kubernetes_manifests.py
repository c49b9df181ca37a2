"""What each part of a spec becomes in a cluster."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cluster_projects import IMAGES, Project, small, specimen

from modelyard.errors import ModelyardError
from modelyard.graph.codec import graph_from_json
from modelyard.graph.model import Graph
from modelyard.targets.kubernetes.kinds import Object
from modelyard.targets.kubernetes.manifests import packed, run_objects, service_objects, task_objects
from modelyard.targets.kubernetes.manifests.addresses import ports_of
from modelyard.targets.kubernetes.manifests.documents import plain_document
from modelyard.targets.kubernetes.manifests.monitors import schedule
from modelyard.task import TaskDocument


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return specimen(tmp_path_factory.mktemp("specimen"))


def kinds(project: Project, name: str) -> set[str]:
    return {one["kind"] for one in project.objects() if one["metadata"]["name"].endswith(name)}


def pod_of(one: Object) -> Object:
    spec: Object = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one["spec"]
    pod: Object = spec["template"]["spec"]
    return pod


def variables(one: Object) -> dict[str, Any]:
    listed = pod_of(one)["containers"][0]["env"]
    return {variable["name"]: variable.get("value") or variable["valueFrom"] for variable in listed}


def task(project: Project, address: str, **more: Any) -> tuple[Object, ...]:
    node = project.graph.nodes[address]
    document = replace(plain_document(node, "b3:" + "1" * 64, project.graph), run_id="1a2b3c4d5e6f", **more)
    return task_objects(document, node, project.scope, project.cluster, IMAGES["tasks"])


def monitor(project: Project, address: str) -> list[Object]:
    node = project.graph.nodes[address]
    document = plain_document(node, "b3:" + "1" * 64, project.graph)
    return service_objects(node, document, project.graph, project.scope, project.cluster, IMAGES["tasks"])


def told(configmap: Object) -> TaskDocument:
    return TaskDocument.from_json(json.loads(configmap["data"]["node.json"]))


# Endpoints


def test_an_autoscaler_alone_says_how_many(whole: Project) -> None:
    scaler = whole.one("HorizontalPodAutoscaler", "serving-api")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 6)
    assert scaler["metrics"][0]["pods"]["target"] == {"type": "AverageValue", "averageValue": "50"}
    assert "replicas" not in whole.one("Deployment", "serving-api")["spec"]
    by_cpu = whole.one("HorizontalPodAutoscaler", "serving-busy")["spec"]["metrics"]
    assert [metric["resource"]["name"] for metric in by_cpu] == ["cpu"]


def test_a_fixed_number_is_the_deployments(whole: Project) -> None:
    assert whole.one("Deployment", "serving-fixed")["spec"]["replicas"] == 3
    assert {"PodDisruptionBudget"} <= kinds(whole, "serving-fixed")
    assert "HorizontalPodAutoscaler" not in kinds(whole, "serving-fixed")


def test_one_server_can_be_drained_off_its_node(tmp_path: Path) -> None:
    assert "PodDisruptionBudget" not in kinds(small(tmp_path), "serving-api")


def test_a_server_without_a_model_is_up_and_not_ready(whole: Project) -> None:
    container = pod_of(whole.one("Deployment", "serving-api"))["containers"][0]
    asked = {name: container[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert asked == {
        "startupProbe": "/v2/health/live", "readinessProbe": "/v2/health/ready", "livenessProbe": "/v2/health/live",
    }  # fmt: skip


def test_a_server_drains_before_it_is_killed(whole: Project) -> None:
    pod = pod_of(whole.one("Deployment", "serving-api"))
    drained = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 0 < drained < pod["terminationGracePeriodSeconds"] - 5


def test_a_server_is_found_at_the_port_of_its_spec(whole: Project) -> None:
    (port,) = whole.one("Service", "serving-api")["spec"]["ports"]
    assert port == {"name": "http", "protocol": "TCP", "port": 8081, "targetPort": "http"}
    assert pod_of(whole.one("Deployment", "serving-api"))["containers"][0]["ports"][0]["containerPort"] == 8080
    document = next(one for one in whole.objects() if one["metadata"]["name"].startswith("specimen-prod-serving-api-"))
    assert told(document).node["config"]["port"] == 8080


def test_other_words_make_other_pods(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = small(tmp_path / "a"), small(tmp_path / "b", more="store: {remote: 's3://other/place'}\n")
    named = [pod_of(project.one("Deployment"))["volumes"][1]["configMap"]["name"] for project in (first, second)]
    assert named[0] != named[1]
    assert all(
        project.one("ConfigMap", name)["immutable"] for project, name in zip((first, second), named, strict=True)
    )


def test_an_endpoint_is_shown_under_its_own_name(whole: Project) -> None:
    ingress = whole.one("Ingress", "serving-api")
    assert ingress["spec"]["tls"] == [{"hosts": ["api.models.example.com"], "secretName": "models-tls"}]
    assert ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] == "letsencrypt"


# The network


def reaches(policy: Object) -> set[int]:
    return {port["port"] for rule in policy["spec"].get("egress", ()) for port in rule["ports"] if "to" not in rule}


def test_nothing_is_open_that_nothing_opens(whole: Project) -> None:
    deny = whole.one("NetworkPolicy", "prod-deny")["spec"]
    assert deny == {
        "podSelector": {"matchLabels": whole.scope.own_labels}, "policyTypes": ["Ingress", "Egress"],
    }  # fmt: skip
    others = [one["spec"] for one in whole.objects() if one["kind"] == "NetworkPolicy"]
    rules = [rule for spec in others for rule in (*spec.get("ingress", ()), *spec.get("egress", ()))]
    assert rules
    assert all(rule.get("ports") or rule.get("to") or rule.get("from") for rule in rules)


def test_what_the_spec_names_is_reached(whole: Project) -> None:
    assert reaches(whole.one("NetworkPolicy", "prod-tasks")) == {443, 587}
    assert reaches(whole.one("NetworkPolicy", "prod-runner")) == {443, 587, 6432, 6443, 8443}
    assert reaches(whole.one("NetworkPolicy", "serving-api")) == {443, 587}


def test_who_may_ask_an_endpoint(whole: Project, tmp_path: Path) -> None:
    (rule,) = whole.one("NetworkPolicy", "serving-api")["spec"]["ingress"]
    spaces = [peer["namespaceSelector"]["matchLabels"] for peer in rule["from"] if "namespaceSelector" in peer]
    assert [next(iter(labels.values())) for labels in spaces] == ["ingress-nginx", "monitoring", "shop"]
    (rule,) = small(tmp_path).one("NetworkPolicy", "serving-api")["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": {}}]


def test_only_who_records_reaches_tracking(whole: Project) -> None:
    (rule,) = whole.one("NetworkPolicy", "prod-tracking")["spec"]["ingress"]
    (peer,) = rule["from"]
    assert peer["podSelector"]["matchExpressions"][0]["values"] == ["task", "runner", "monitor"]


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("s3://bucket/x", {443}), ("postgresql://me:${secret.P}@pg:6432/db", {6432}),
        ("postgresql://a,b:5433/db", {5432, 5433}), ("http://mlflow", {80}),
        ("python step.py --from https://host:8443/x --to sftp://there/y", {8443, 22}),
        ("sqlite:///x.db", set()), ("file:///x", set()), ("data/x.csv", set()),
    ],
)  # fmt: skip
def test_ports_of_addresses(text: str, ports: set[int]) -> None:
    assert ports_of({"a": [text]}) == ports


# Tracking, store, secrets


def test_tracking_is_deployed_where_no_url_names_one(whole: Project) -> None:
    name = "specimen-prod-tracking"
    claim = whole.one("StatefulSet")["spec"]["volumeClaimTemplates"][0]["spec"]
    assert (claim["storageClassName"], claim["resources"]["requests"]["storage"]) == ("fast", "20Gi")
    assert whole.one("Service", name)["spec"]["clusterIP"] == "None"
    assert f"{name}:*" in variables(whole.one("StatefulSet"))["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert told(task(whole, "training.line")[0]).tracking["uri"] == f"http://{name}:5000"


def test_a_tracking_server_of_the_team_is_taken(tmp_path: Path) -> None:
    project = small(tmp_path, more="tracking: {uri: 'http://mlflow.tools:5001'}\n")
    assert not any(one["kind"] == "StatefulSet" for one in project.objects())
    assert told(task(project, "training.late")[0]).tracking["uri"] == "http://mlflow.tools:5001"
    assert reaches(project.one("NetworkPolicy", "prod-tasks")) == {443, 5001}


def test_its_address_may_be_a_secret(tmp_path: Path) -> None:
    project = small(tmp_path, "store: 1Gi, egress: 5001", "tracking: {uri: '${secret.MLFLOW}'}\n")
    configmap, job = task(project, "training.late")
    assert told(configmap).tracking["uri"] == "${secret.MLFLOW}"
    assert "MLFLOW" in variables(job)
    assert not any(one["kind"] == "StatefulSet" for one in project.objects())


def test_the_store_is_a_claim_or_the_pods_own(tmp_path: Path) -> None:
    (tmp_path / "remote").mkdir()
    claimed = small(tmp_path)
    remote = small(tmp_path / "remote", "context: prod", "store: {remote: 's3://b/x'}\n")
    assert pod_of(claimed.one("Deployment"))["volumes"][-1]["persistentVolumeClaim"] == {
        "claimName": "small-prod-store"
    }
    assert pod_of(remote.one("Deployment"))["volumes"][-1] == {"name": "project", "emptyDir": {}}
    assert not any(one["kind"] == "PersistentVolumeClaim" for one in remote.objects())


def test_a_volume_of_one_node_keeps_its_pods_there(whole: Project, tmp_path: Path) -> None:
    affinity = pod_of(whole.one("Deployment", "api"))["affinity"]["podAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
    assert (
        term["labelSelector"]["matchLabels"].items()
        <= whole.one("Deployment", "api")["spec"]["template"]["metadata"]["labels"].items()
    )
    assert "podAffinity" not in pod_of(small(tmp_path).one("Deployment"))["affinity"]


def test_secrets_are_variables_by_reference(whole: Project) -> None:
    own = {"secretKeyRef": {"name": "specimen-prod-secrets", "key": "API_KEY"}}
    assert variables(task(whole, "steps.rows")[-1])["API_KEY"] == own
    assert "API_KEY" not in variables(task(whole, "training.line")[-1])
    elsewhere = {"secretKeyRef": {"name": "tokens", "key": "api"}}
    assert variables(whole.one("Deployment", "serving-api"))["API_TOKENS"] == elsewhere
    assert told(task(whole, "steps.rows")[0]).settings["secrets"] == {"API_TOKENS": {"env": "API_TOKENS"}}


def test_external_secrets_bring_them(whole: Project) -> None:
    external = whole.one("ExternalSecret")["spec"]
    assert external["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "vault"}
    keys = {one["secretKey"]: one["remoteRef"]["key"] for one in external["data"]}
    assert keys["PG_PASSWORD"] == "ml/prod/PG_PASSWORD"
    assert "API_TOKENS" not in keys


def test_sealed_secrets_are_told_how(tmp_path: Path) -> None:
    project = small(tmp_path, "store: 1Gi, secrets: sealed, env: {TOKEN: '${secret.TOKEN}'}")
    assert "kubeseal" in project.files()["README.md"].decode()
    assert not any(one["kind"] in ("Secret", "ExternalSecret") for one in project.objects())


# Tasks


def test_a_task_is_told_where_it_is(whole: Project) -> None:
    document = told(task(whole, "steps.rows", root="/home/me/p", workdir="/home/me/p/.modelyard/work/1")[0])
    assert (document.root, document.workdir) == ("/project", "/project/.modelyard/work/1")


def test_a_task_is_tried_once_and_replaced_where_it_is_evicted(whole: Project) -> None:
    spec = task(whole, "steps.rows")[-1]["spec"]
    assert (spec["backoffLimit"], spec["ttlSecondsAfterFinished"]) == (0, 86400)
    assert spec["activeDeadlineSeconds"] > 900 + 30  # the timeout begins with the container, a Job's clock before it
    assert [rule["action"] for rule in spec["podFailurePolicy"]["rules"]] == ["Ignore", "FailJob"]
    assert "activeDeadlineSeconds" not in task(whole, "training.line")[-1]["spec"]


def test_each_attempt_has_a_name_of_its_own(whole: Project) -> None:
    made = [task(whole, "steps.rows", attempt=number) for number in (1, 2)]
    names = [{one["metadata"]["name"] for one in objects} for objects in made]
    assert names == [{"specimen-prod-steps-rows-1a2b3c4d-1"}, {"specimen-prod-steps-rows-1a2b3c4d-2"}]


def test_a_document_that_no_configmap_holds_is_refused(whole: Project) -> None:
    with pytest.raises(ModelyardError, match=r"steps\.rows is told is 1\.5 MB") as error:
        task(whole, "steps.rows", settings={"x": "y" * 1_500_000})
    assert error.value.code == "too-large"


# Monitors, schedule, run


@pytest.mark.parametrize(
    ("seconds", "fields"),
    [
        (60, "* * * * *"), (900, "-59/15 * * * *"), (3600, " * * * *"), (21600, "-23/6 * * *"), (86400, " * * *"),
        (604800, " * * "), (30, None), (2700, None), (18000, None), (5400, None), (90.5, None), (172800, None),
    ],
)  # fmt: skip
def test_every_as_cron(seconds: float, fields: str | None) -> None:
    from croniter import croniter

    cron = schedule(seconds, "monitoring.drift")
    assert (cron is None) == (fields is None)
    if cron and fields:
        assert fields in cron
        times = croniter(cron, 0)
        first = times.get_next()
        assert {round(times.get_next() - first) % seconds for _ in range(50)} == {0}
        assert times.get_prev() - times.get_prev() == seconds


def test_a_monitor_looks_at_its_time(whole: Project) -> None:
    job = next(one for one in monitor(whole, "monitoring.drift") if one["kind"] == "CronJob")
    assert variables(job)["MODELYARD_ONCE"] == "1"
    assert (job["spec"]["concurrencyPolicy"], job["spec"]["timeZone"]) == ("Forbid", "Etc/UTC")


def test_a_monitor_of_a_number_of_predictions_is_there_all_the_time(whole: Project) -> None:
    watching = next(one for one in monitor(whole, "monitoring.often") if one["kind"] == "Deployment")
    assert watching["spec"]["strategy"] == {"type": "Recreate"}
    assert "MODELYARD_ONCE" not in variables(watching)


def test_monitors_wait_for_what_tasks_make(whole: Project) -> None:
    assert not any("monitoring" in one["metadata"]["name"] for one in whole.objects())
    assert reaches(whole.one("NetworkPolicy", "prod-monitors")) == {443, 587}


def test_the_schedule_is_at_the_clock_of_its_zone(whole: Project) -> None:
    spec = whole.one("CronJob", "schedule")["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("0 3 * * 1", "Europe/Berlin", "Forbid")


def test_schedules_count_their_jobs_and_the_others_go_by_age(whole: Project) -> None:
    spec = whole.one("CronJob", "schedule")["spec"]
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (3, 3)
    assert "ttlSecondsAfterFinished" not in spec["jobTemplate"]["spec"]


def test_a_kept_job_lasts_at_least_as_long_as_its_last_words_take(tmp_path: Path) -> None:
    project = small(tmp_path, "store: 1Gi, keep: 0s")
    _, job = task(project, "training.late")
    assert job["spec"]["ttlSecondsAfterFinished"] == 60


def test_names_are_looked_up_where_the_cluster_has_its_dns(tmp_path: Path) -> None:
    known, node = small(tmp_path).one("NetworkPolicy", "prod-names")["spec"]["egress"]
    spaces = [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in known["to"]]
    assert spaces == ["kube-system", "openshift-dns"]
    assert {port["port"] for port in known["ports"]} == {53, 5353}
    assert node["to"] == [{"ipBlock": {"cidr": "169.254.0.0/16"}}]
    elsewhere = small(tmp_path, "store: 1Gi, dns: {namespaces: dns, addresses: [], ports: 1053}")
    (rule,) = elsewhere.one("NetworkPolicy", "prod-names")["spec"]["egress"]
    assert [(port["protocol"], port["port"]) for port in rule["ports"]] == [("UDP", 1053), ("TCP", 1053)]


def test_a_run_knows_the_graph_and_its_images(whole: Project) -> None:
    data = packed(whole.graph, IMAGES)
    configmap, job = run_objects(data, whole.scope, whole.cluster, IMAGES["tasks"], "1a2b3c", ["--keep-going"])
    graph: Graph = graph_from_json(json.loads(gzip.decompress(data)))
    assert graph.nodes == whole.graph.nodes
    assert graph.target["kubernetes"]["images"] == IMAGES
    container = pod_of(job)["containers"][0]
    assert container["args"] == ["/etc/modelyard/graph.json.gz", "--keep-going"]
    assert pod_of(job)["volumes"][1]["configMap"]["name"] == configmap["metadata"]["name"] == "specimen-prod-run-1a2b3c"
    assert variables(job)["PG_PASSWORD"]["secretKeyRef"]["key"] == "PG_PASSWORD"
    assert packed(whole.graph, IMAGES) == data


def test_a_killed_run_is_taken_up_and_a_failed_one_is_not(whole: Project) -> None:
    _, job = run_objects(packed(whole.graph, IMAGES), whole.scope, whole.cluster, IMAGES["tasks"], "1a2b3c")
    assert job["spec"]["backoffLimit"] > 1
    assert job["spec"]["podFailurePolicy"]["rules"][-1]["onExitCodes"] == {"operator": "In", "values": [1, 2]}


def test_a_graph_that_no_configmap_holds_is_refused(whole: Project) -> None:
    import os

    data = gzip.compress(json.dumps({"settings": {}, "x": os.urandom(800_000).hex()}).encode())
    with pytest.raises(ModelyardError, match=r"the graph is 1\.2 MB when packed"):
        run_objects(data, whole.scope, whole.cluster, IMAGES["tasks"], "1a2b3c")


def test_the_runner_has_rights_on_state_only_where_the_cluster_keeps_it(whole: Project, tmp_path: Path) -> None:
    def touched(project: Project) -> set[str]:
        return {name for rule in project.one("Role")["rules"] for name in rule["resources"]}

    assert not {"secrets", "leases"} & touched(whole)
    kept = small(tmp_path)
    assert {"secrets", "leases"} <= touched(kept)
    named = [
        rule for rule in kept.one("Role")["rules"] if rule["resources"] == ["secrets"] and rule["verbs"] != ["create"]
    ]
    assert all(name.startswith("small-prod-state") for rule in named for name in rule["resourceNames"])


def test_the_runner_may_make_monitors_only_where_there_are_some(whole: Project, tmp_path: Path) -> None:
    def may_create(project: Project) -> set[str]:
        return {
            name for rule in project.one("Role")["rules"] if "create" in rule["verbs"] for name in rule["resources"]
        }

    assert {"cronjobs", "deployments"} <= may_create(whole)
    assert not {"cronjobs", "deployments"} & may_create(small(tmp_path))


def test_bounds_of_the_namespace(whole: Project) -> None:
    assert whole.one("ResourceQuota")["spec"]["hard"] == {
        "requests.cpu": "64", "limits.memory": "256Gi", "requests.nvidia.com/gpu": "8", "pods": "200",
    }  # fmt: skip
    assert whole.one("LimitRange")["spec"]["limits"][0]["default"] == {"memory": "3Gi"}
