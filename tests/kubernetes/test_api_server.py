"""The API server of the tests answers as a real one does, where Modelyard's behaviour hangs on it."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster import ApiServer, Refusal
from cluster.objects import How

Object = dict[str, Any]
OURS, THEIRS = How("modelyard"), How("kubectl-edit")


def deployment(image: str = "api:1", **spec: Any) -> Object:
    container = {"name": "api", "image": image, "ports": [{"containerPort": 80}]}
    template = {"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "api"}}, "template": template, **spec},
    }  # fmt: skip


def config_map(name: str, owner: Object | None = None, **labels: str) -> Object:
    meta: Object = {"name": name, "namespace": "default", "labels": labels}
    if owner:
        named = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
        meta["ownerReferences"] = [{**named, "uid": owner["metadata"]["uid"]}]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": "1"}}


@pytest.fixture
def kubectl(server: ApiServer, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    config = server.kubeconfig(tmp_path / "config")

    def run(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        argv = ["kubectl", "--kubeconfig", str(config), *arguments]
        return subprocess.run(argv, capture_output=True, text=True, input=text, check=False)

    return run


def test_a_second_apply_changes_nothing(server: ApiServer) -> None:
    first = server.objects.apply(deployment(replicas=2), OURS)
    assert server.objects.apply(deployment(replicas=2), OURS)["metadata"] == first["metadata"]


def test_defaults_belong_to_nobody(server: ApiServer) -> None:
    made = server.objects.apply(deployment(), OURS)
    assert made["spec"]["replicas"] == 1
    assert "f:replicas" not in made["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]
    scaled = server.objects.update({**made, "spec": {**made["spec"], "replicas": 4}}, How("autoscaler"))
    assert server.objects.apply(deployment(), OURS)["metadata"] == scaled["metadata"]


def test_a_field_of_another_is_a_conflict_and_force_takes_it(server: ApiServer) -> None:
    made = server.objects.apply(deployment(), OURS)
    made["spec"]["template"]["spec"]["containers"][0]["image"] = "api:other"
    server.objects.update(made, THEIRS)
    with pytest.raises(Refusal) as caught:
        server.objects.apply(deployment("api:2"), OURS)
    field = '.spec.template.spec.containers[name="api"].image'
    assert (caught.value.code, field in caught.value.message) == (409, True)
    assert '"kubectl-edit"' in caught.value.message
    forced = server.objects.apply(deployment("api:2"), How("modelyard", force=True))
    assert forced["spec"]["template"]["spec"]["containers"][0]["image"] == "api:2"
    assert [entry["manager"] for entry in forced["metadata"]["managedFields"]] == ["modelyard"]


def test_a_field_no_longer_named_goes_unless_another_owns_it(server: ApiServer) -> None:
    wanted = deployment(replicas=3, minReadySeconds=5)
    wanted["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "side:1"})
    server.objects.apply(wanted, OURS)
    server.objects.apply(deployment(minReadySeconds=5), How("other"))
    left = server.objects.apply(deployment(), OURS)["spec"]
    assert [one["name"] for one in left["template"]["spec"]["containers"]] == ["api"]
    assert (left["replicas"], left["minReadySeconds"]) == (1, 5)


def test_a_dry_run_shows_and_keeps_nothing(server: ApiServer) -> None:
    server.objects.apply(deployment(), OURS)
    shown = server.objects.apply(deployment("api:2"), How("modelyard", dry_run=True))
    assert shown["metadata"]["generation"] == 2
    assert server.objects.get("Deployment", "default", "api")["metadata"]["generation"] == 1


def test_an_old_version_is_a_conflict(server: ApiServer) -> None:
    old = server.objects.create(config_map("a"))
    server.objects.update({**old, "data": {"a": "2"}})
    with pytest.raises(Refusal, match="has been modified"):
        server.objects.update({**old, "data": {"a": "3"}})


def test_what_cannot_be_is_refused(server: ApiServer) -> None:
    with pytest.raises(Refusal, match=r"spec.selector: Required value"):
        server.objects.create({**deployment(), "spec": {"template": deployment()["spec"]["template"]}})
    with pytest.raises(Refusal, match=r'unknown field "spec\.bogus"'):
        server.objects.apply(deployment(bogus=1), How("modelyard", strict=True))
    server.objects.create({**config_map("fixed"), "immutable": True})
    with pytest.raises(Refusal, match="immutable"):
        server.objects.apply({**config_map("fixed"), "data": {"a": "2"}}, How("modelyard", force=True))


def test_dependents_go_with_their_owner(server: ApiServer) -> None:
    owner = server.objects.create(config_map("owner"))
    child = server.objects.create(config_map("child", owner))
    server.objects.create(config_map("grandchild", child))
    server.objects.delete("ConfigMap", "default", "owner")
    assert server.objects.listed("ConfigMap") == []


def test_a_service_account_may_what_its_role_says(server: ApiServer) -> None:
    meta = {"name": "runner", "namespace": "default"}
    rules = [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]}]
    rbac = "rbac.authorization.k8s.io"
    server.objects.create({"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": "runner", "namespace": "default"}
    binding = {"roleRef": {"apiGroup": rbac, "kind": "Role", "name": "runner"}, "subjects": [subject]}
    server.objects.create({"apiVersion": f"{rbac}/v1", "kind": "RoleBinding", "metadata": meta, **binding})
    from cluster.access import Asked

    runner = "system:serviceaccount:default:runner"
    assert server.access.may(runner, Asked("create", "batch", "jobs", "default"))
    assert not server.access.may(runner, Asked("delete", "batch", "jobs", "default"))
    assert not server.access.may(runner, Asked("create", "batch", "jobs", "other"))


def test_kubectl_applies_reads_and_deletes(server: ApiServer, kubectl: Any) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {app: x}}\ndata: {a: '1'}\n"
    done = kubectl("apply", "--server-side", "--field-manager=modelyard", "-f", "-", text=text)
    assert "configmap/a serverside-applied" in done.stdout, done.stderr
    assert kubectl("get", "cm", "-l", "app=x", "-o", "name").stdout == "configmap/a\n"
    assert "deleted" in kubectl("delete", "cm", "a").stdout
    assert server.objects.listed("ConfigMap") == []


def test_the_python_client_watches_is_told_of_an_old_version_and_of_faults(server: ApiServer, tmp_path: Path) -> None:
    from kubernetes import client, config, watch

    core = client.CoreV1Api(config.new_client_from_config(str(server.kubeconfig(tmp_path / "config"))))
    version = core.list_namespaced_config_map("default").metadata.resource_version
    server.objects.create(config_map("a", app="x"))
    server.objects.create(config_map("b"))
    options = {"label_selector": "app=x", "resource_version": version, "timeout_seconds": 1}
    seen = [
        event["object"].metadata.name
        for event in watch.Watch().stream(core.list_namespaced_config_map, "default", **options)
    ]
    assert seen == ["a"]
    server.objects.storage.forget_events()
    with pytest.raises(client.ApiException) as caught:
        core.list_namespaced_config_map("default", watch=True, resource_version=version)
    assert caught.value.status == 410
    server.faults.add(500, verb="list", plural="configmaps")
    with pytest.raises(client.ApiException) as caught:
        core.list_namespaced_config_map("default")
    assert caught.value.status == 500
    assert len(core.list_namespaced_config_map("default").items) == 2
    server.access.expire()
    with pytest.raises(client.ApiException) as caught:
        core.list_namespaced_config_map("default")
    assert caught.value.status == 401


def test_nothing_is_made_in_a_namespace_that_ends_and_quotas_hold(server: ApiServer) -> None:
    server.make_namespace("work")
    space = server.objects.get("Namespace", "", "work")
    space["metadata"]["finalizers"] = ["tests/slow"]
    server.objects.update(space)
    server.objects.delete("Namespace", "", "work")
    with pytest.raises(Refusal, match="being terminated"):
        server.objects.create({**config_map("a"), "metadata": {"name": "a", "namespace": "work"}})
    quota = {"kind": "ResourceQuota", "apiVersion": "v1", "metadata": {"name": "few", "namespace": "default"}}
    server.objects.create({**quota, "spec": {"hard": {"count/configmaps": "1"}}})
    server.objects.create(config_map("a"))
    with pytest.raises(Refusal, match="exceeded quota: few"):
        server.objects.create(config_map("b"))


def test_kubectl_reads_a_container_log(server: ApiServer, kubectl: Any, tmp_path: Path) -> None:
    spec = {"containers": [{"name": "main", "image": "main:1"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "namespace": "default"}, "spec": spec}
    made = server.objects.create(pod)
    assert "waiting to start" in kubectl("logs", "one").stderr
    log = tmp_path / "one.log"
    log.write_text("".join(f"2030-01-01T00:00:0{n}.000000000Z line {n}\n" for n in range(3)))
    server.logs.files["default", made["metadata"]["uid"], "main"] = log
    server.objects.set_status("Pod", "default", "one", {"phase": "Succeeded"})
    assert kubectl("logs", "one", "--follow").stdout == "line 0\nline 1\nline 2\n"
    assert kubectl("logs", "one", "--tail=1", "--timestamps").stdout == "2030-01-01T00:00:02.000000000Z line 2\n"
    assert kubectl("logs", "one", "--since-time=2030-01-01T00:00:01Z").stdout == "line 1\nline 2\n"
