"""Apply, update, drift, prune and destroy against a server: only what is ours, and nothing left half-done."""

import json
import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import wanted
from wanted import SCOPE, environment

from cluster import ApiServer
from cluster.objects import How
from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.api_errors import FieldConflict
from modelyard.targets.kubernetes.applying import apply_objects
from modelyard.targets.kubernetes.differing import differences
from modelyard.targets.kubernetes.inventory import CONTAINS, PART_OF, TOOLING, set_id
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.pruning import destroy
from unit.targets.kubernetes.cluster_projects import PROJECTS

Object = dict[str, Any]
NAME = "flights-prod-serving-api"


class Told:
    """Collects what an apply tells."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, event: Mapping[str, Any]) -> None:
        self.texts.append(str(event["text"]))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def api(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "config")))
    return Api.connect("tests", "default")


def actions(api: Api, objects: list[Object], told: Told, **options: Any) -> list[str]:
    return [applied.action for applied in apply_objects(api, SCOPE, objects, told, **options)]


def names(server: ApiServer, kind: str) -> list[str]:
    return [obj["metadata"]["name"].removeprefix("flights-prod-") for obj in server.objects.listed(kind, "default")]


def edit(server: ApiServer, manager: str = "kubectl-edit", **spec: Any) -> None:
    live = server.objects.get("Deployment", "default", NAME)
    server.objects.update({**live, "spec": {**live["spec"], **spec}}, How(manager))


def test_a_second_apply_costs_one_list_a_kind_and_changes_nothing(server: ApiServer, api: Api, told: Told) -> None:
    assert actions(api, environment(), told) == ["created"] * 5
    versions = [server.objects.get("Deployment", "default", NAME)["metadata"]["resourceVersion"]]
    server.requests.clear()
    assert actions(api, environment(), told) == ["unchanged"] * 5
    assert differences(api, SCOPE, environment()) == []
    assert [method for method, _ in server.requests] == ["GET"] * 10  # five kinds, twice
    assert versions == [server.objects.get("Deployment", "default", NAME)["metadata"]["resourceVersion"]]


@pytest.mark.parametrize("name", ["flights", "specimen"])
def test_a_whole_project_is_one_list_a_kind_once_it_is_there(
    server: ApiServer, api: Api, told: Told, tmp_path: Path, name: str
) -> None:
    project = PROJECTS[name](tmp_path)
    server.make_namespace("ml")
    there = Api(api._requester.connection, "ml")
    objects = [obj for obj in project.objects() if obj["kind"] != "ExternalSecret"]  # its operator is not here
    apply_objects(there, project.scope, objects, told)
    server.requests.clear()
    assert differences(there, project.scope, objects) == []
    assert sorted(method for method, _ in server.requests) == ["GET"] * len({obj["kind"] for obj in objects})


def test_what_the_spec_changed_is_told_field_by_field_and_applied(server: ApiServer, api: Api, told: Told) -> None:
    apply_objects(api, SCOPE, environment(), told)
    objects = [*environment()[:4], wanted.deployment("api:2", fingerprint="f2")]
    [change] = differences(api, SCOPE, objects)
    assert (change.title, change.address, change.action) == (f"Deployment {NAME}", "serving.api", "update")
    assert [str(field) for field in change.fields if "spec" in field.field] == [
        '.spec.template.spec.containers[name="api"].image: "api:1" → "api:2"'
    ]
    assert not change.drift
    assert server.objects.get("Deployment", "default", NAME)["metadata"]["generation"] == 1
    assert actions(api, objects, told)[-1] == "changed"
    assert differences(api, SCOPE, objects) == []


def test_an_autoscaler_takes_the_number_of_replicas_over_as_it_is(server: ApiServer, api: Api, told: Told) -> None:
    apply_objects(api, SCOPE, [*environment()[:4], wanted.deployment(replicas=8)], told)
    scaled = wanted.deployment()
    del scaled["spec"]["replicas"]
    objects = [*environment()[:4], scaled]
    assert actions(api, objects, told)[-1] == "changed"
    assert server.objects.get("Deployment", "default", NAME)["spec"]["replicas"] == 8
    edit(server, "kube-controller-manager", replicas=9)
    assert actions(api, objects, told)[-1] == "unchanged"
    assert differences(api, SCOPE, objects) == []
    assert actions(api, environment(), told)[-1] in ("changed", "mended")
    assert server.objects.get("Deployment", "default", NAME)["spec"]["replicas"] == 1
    assert actions(api, environment(), told)[-1] == "unchanged"


def test_drift_names_the_field_the_hand_and_the_time_and_is_mended(server: ApiServer, api: Api, told: Told) -> None:
    apply_objects(api, SCOPE, environment(), told)
    edit(server, replicas=5)
    [change] = differences(api, SCOPE, environment())
    [field] = change.drift
    assert (field.field, field.before, field.after, field.manager) == (".spec.replicas", 5, 1, "kubectl-edit")
    assert field.at
    assert actions(api, environment(), told)[-1] == "mended"
    assert f"Deployment {NAME} mended: .spec.replicas was changed by kubectl-edit" in told.texts
    assert differences(api, SCOPE, environment()) == []


def test_what_kubectl_changed_is_mended(server: ApiServer, api: Api, told: Told) -> None:
    apply_objects(api, SCOPE, environment(), told)
    for arguments in (["scale", "--replicas=4"], ["set", "image", "api=other:1"], ["set", "env", "A=2"]):
        words = arguments[:2] if arguments[0] == "set" else arguments[:1]
        rest = arguments[len(words) :]
        subprocess.run(["kubectl", *words, f"deployment/{NAME}", *rest], check=True, capture_output=True)
    [change] = differences(api, SCOPE, environment())
    assert {field.field for field in change.drift} == {
        ".spec.replicas",
        '.spec.template.spec.containers[name="api"].image',
        '.spec.template.spec.containers[name="api"].env[name="A"].value',
    }
    assert all(str(field.manager).startswith("kubectl") and field.at for field in change.drift)
    assert actions(api, environment(), told)[-1] == "mended"
    assert differences(api, SCOPE, environment()) == []


def test_what_a_hand_took_away_is_drift_too(server: ApiServer, api: Api, told: Told) -> None:
    apply_objects(api, SCOPE, environment(), told)
    live = server.objects.get("ConfigMap", "default", "flights-prod-settings")
    server.objects.update({**live, "data": {}}, How("kubectl-edit"))
    [change] = differences(api, SCOPE, environment())
    assert [(field.field, field.before, field.drift) for field in change.fields] == [(".data", None, True)] or [
        (field.field, field.before, field.after, field.drift) for field in change.fields
    ] == [(".data.a", None, "1", True)]
    apply_objects(api, SCOPE, environment(), told)
    assert server.objects.get("ConfigMap", "default", "flights-prod-settings")["data"] == {"a": "1"}


def test_a_login_that_may_only_read_sees_the_differences_too(server: ApiServer, api: Api, told: Told) -> None:
    apply_objects(api, SCOPE, environment(), told)
    edit(server, replicas=5)
    objects = [*environment()[:4], wanted.deployment("api:2", fingerprint="f2")]
    whole = [str(field) for change in differences(api, SCOPE, objects) for field in change.fields]
    server.access.deny(verb="patch")
    assert [str(field) for change in differences(api, SCOPE, objects) for field in change.fields] == whole
    assert any("api:2" in field for field in whole)


def test_what_an_autoscaler_and_the_server_set_is_no_difference(server: ApiServer, api: Api, told: Told) -> None:
    scaled = wanted.deployment()
    del scaled["spec"]["replicas"]
    apply_objects(api, SCOPE, [scaled], told)
    edit(server, "kube-controller-manager", replicas=7)
    assert differences(api, SCOPE, [scaled]) == []


def test_what_the_server_writes_in_another_way_is_no_difference(server: ApiServer, api: Api, told: Told) -> None:
    def canonical(verb: str, resource: Any, obj: Object) -> None:
        if resource.kind == "Deployment":
            limits = obj["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
            limits["cpu"] = {"1000m": "1"}.get(limits["cpu"], limits["cpu"])

    server.objects.admissions.append(canonical)
    obj = wanted.deployment()
    obj["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] = "1000m"
    assert actions(api, [obj], told) == ["created"]
    assert differences(api, SCOPE, [obj]) == []
    assert actions(api, [obj], told) == ["unchanged"]


def test_a_secrets_values_are_not_shown(api: Api, told: Told) -> None:
    apply_objects(api, SCOPE, [wanted.secret(A="b2xk")], told)
    [change] = differences(api, SCOPE, [wanted.secret(A="bmV3")])
    assert [str(field) for field in change.fields] == ['.data.A: "(not shown)" → "(not shown)"']


def test_a_field_that_other_manifests_apply_is_left_to_them(server: ApiServer, api: Api, told: Told) -> None:
    apply_objects(api, SCOPE, environment(), told)
    server.objects.apply({**wanted.deployment(), "spec": {"replicas": 3}}, How("argocd-controller", force=True))
    with pytest.raises(FieldConflict) as caught:
        apply_objects(api, SCOPE, environment(), told)
    assert ".spec.replicas (held by argocd-controller)" in caught.value.what
    assert server.objects.get("Deployment", "default", NAME)["spec"]["replicas"] == 3
    assert actions(api, environment(), told, force=True)[-1] == "changed"


def test_what_the_spec_no_longer_names_is_pruned_and_nothing_else(server: ApiServer, api: Api, told: Told) -> None:
    apply_objects(api, SCOPE, [*environment(), wanted.job("old")], told)
    other = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs", "namespace": "default"}}
    server.objects.create(other)
    stolen = {"name": "stolen", "namespace": "default", "labels": {PART_OF: set_id(SCOPE)}}
    server.objects.create({**other, "metadata": stolen})
    server.objects.create(wanted.job())  # a run's: ours, but nobody applied it
    left = [wanted.config_map(), wanted.claim()]
    told_before = {(change.action, change.title) for change in differences(api, SCOPE, left)}
    gone = [f"Deployment {NAME}", f"Service {NAME}", "Secret flights-prod-secrets", "Job flights-prod-old"]
    assert told_before == {("delete", title) for title in gone}
    apply_objects(api, SCOPE, left, told)
    assert differences(api, SCOPE, [wanted.config_map()]) == []  # a claim holds data: only destroy takes it
    assert names(server, "Deployment") == names(server, "Service") == []
    assert sorted(names(server, "Secret")) == ["stolen", "theirs"]
    assert names(server, "Job") == ["run-1"]
    assert names(server, "PersistentVolumeClaim") == ["store"]


def test_the_graph_of_a_run_that_goes_on_is_not_pruned(server: ApiServer, api: Api, told: Told) -> None:
    old, other = wanted.config_map("graph-old"), wanted.config_map("graph-other")
    apply_objects(api, SCOPE, [wanted.config_map(), old, other], told)
    run = wanted.job("scheduled")
    volume = {"name": "document", "configMap": {"name": old["metadata"]["name"]}}
    run["spec"]["template"]["spec"]["volumes"] = [volume]
    server.objects.create(run)
    left = [wanted.config_map()]
    assert [change.title for change in differences(api, SCOPE, left)] == [f"ConfigMap {other['metadata']['name']}"]
    apply_objects(api, SCOPE, left, told)
    assert "graph-old" in names(server, "ConfigMap")
    assert "graph-other" not in names(server, "ConfigMap")
    ended = {"conditions": [{"type": "Complete", "status": "True"}]}
    server.objects.set_status("Job", "default", run["metadata"]["name"], ended)
    apply_objects(api, SCOPE, left, told)
    assert "graph-old" not in names(server, "ConfigMap")


def test_the_set_is_one_that_kubectl_knows(server: ApiServer, api: Api, told: Told) -> None:
    apply_objects(api, SCOPE, environment(), told)
    parent = server.objects.get("ConfigMap", "default", "flights-prod-applyset")["metadata"]
    assert parent["annotations"][CONTAINS] == "ConfigMap,Deployment.apps,PersistentVolumeClaim,Secret,Service"
    assert parent["annotations"][TOOLING].startswith("modelyard/v")
    mine = server.objects.get("Deployment", "default", NAME)["metadata"]["labels"][PART_OF]
    assert mine == parent["labels"]["applyset.kubernetes.io/id"]
    # base64url(sha256("flights-prod-applyset.default.ConfigMap.")), by KEP-3659
    assert mine == f"applyset-{KEP_ID}-v1"
    apply_objects(api, SCOPE, [wanted.config_map()], told)
    parent = server.objects.get("ConfigMap", "default", "flights-prod-applyset")["metadata"]
    assert parent["annotations"][CONTAINS] == "ConfigMap,PersistentVolumeClaim"  # which stays


KEP_ID = "obDuRZ7ZLF8CVyzZHbeWQUm9giMrzWd6BSbelkRQi6E"


def test_kubectl_takes_the_set_for_one_of_its_own_but_leaves_it_to_us(
    server: ApiServer, api: Api, told: Told, tmp_path: Path
) -> None:
    apply_objects(api, SCOPE, environment(), told)
    (tmp_path / "settings.json").write_text(json.dumps(wanted.config_map()))

    def kubectl() -> str:
        set_ = ["--server-side", "--field-manager=modelyard", "--prune", "--applyset=configmaps/flights-prod-applyset"]
        command = ["kubectl", "apply", "-n", "default", *set_, "-f", str(tmp_path / "settings.json")]
        environment = {**os.environ, "KUBECTL_APPLYSET": "true"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    assert 'is managed by tooling "modelyard" instead of "kubectl"' in kubectl()
    parent = server.objects.get("ConfigMap", "default", "flights-prod-applyset")
    parent["metadata"]["annotations"][TOOLING] = "kubectl/v1.36.0"
    server.objects.update(parent, How("tests"))
    assert f"deployment.apps/{NAME} pruned" in kubectl()
    assert names(server, "Deployment") == []


class Cut(Api):
    """Dies at its nth write, as a process that is killed does: what was sent is done, and nothing after it."""

    writes = 0

    def __init__(self, api: Api, last: int) -> None:
        super().__init__(api._requester.connection, api.namespace)
        self.last = last

    def _send(self, method: str, *arguments: Any, **more: Any) -> Object:
        if method != "GET":
            self.writes += 1
            if self.writes == self.last:
                raise KeyboardInterrupt
        return super()._send(method, *arguments, **more)


@pytest.mark.parametrize("last", range(1, 10))
def test_an_apply_that_breaks_off_anywhere_is_finished_by_the_next(
    server: ApiServer, api: Api, told: Told, last: int
) -> None:
    """Before each of its writes: the set's parent, five objects, two that go, the parent again."""
    apply_objects(api, SCOPE, [wanted.config_map("old"), wanted.job("old")], told)
    with pytest.raises(KeyboardInterrupt):
        apply_objects(Cut(api, last), SCOPE, environment(), told)
    apply_objects(api, SCOPE, environment(), told)
    assert differences(api, SCOPE, environment()) == []
    assert names(server, "Job") == []
    assert sorted(names(server, "ConfigMap")) == ["applyset", "settings"]
    parent = server.objects.get("ConfigMap", "default", "flights-prod-applyset")["metadata"]
    assert parent["annotations"][CONTAINS] == "ConfigMap,Deployment.apps,PersistentVolumeClaim,Secret,Service"


@pytest.mark.parametrize("last", range(1, 6))
def test_a_destroy_that_breaks_off_anywhere_is_finished_by_the_next(
    server: ApiServer, api: Api, told: Told, last: int
) -> None:
    apply_objects(api, SCOPE, environment(), told)
    with pytest.raises(KeyboardInterrupt):
        destroy(Cut(api, last), SCOPE, told, data=True)
    destroy(api, SCOPE, told, data=True)
    assert [names(server, kind) for kind in ("Deployment", "Service", "Secret", "ConfigMap")] == [[], [], [], []]


def test_an_object_of_somebody_else_is_not_touched(server: ApiServer, api: Api, told: Told) -> None:
    theirs = {**wanted.service(), "metadata": {"name": NAME, "namespace": "default", "labels": {"team": "other"}}}
    server.objects.create(theirs, How("helm"))
    with pytest.raises(ModelyardError) as caught:
        apply_objects(api, SCOPE, environment(), told)
    assert caught.value.code == "not-ours"
    assert caught.value.what == f"Service {NAME} in namespace default belongs to somebody else (helm made it)"
    assert server.objects.get("Service", "default", NAME)["metadata"]["labels"] == {"team": "other"}
    destroy(api, SCOPE, told)
    assert names(server, "Service") == ["serving-api"]


def test_two_environments_in_one_namespace_do_not_meet(server: ApiServer, api: Api, told: Told) -> None:
    dev = Scope("flights", "dev", "default")
    meta = {
        "name": "flights-dev-a", "namespace": "default", "labels": dev.labels_of("serving.api", "serving"),
        "annotations": dev.annotations_of("serving.api"),
    }  # fmt: skip
    apply_objects(api, dev, [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {}}], told)
    apply_objects(api, SCOPE, environment(), told)
    destroy(api, SCOPE, told, data=True)
    assert sorted(names(server, "ConfigMap")) == ["flights-dev-a", "flights-dev-applyset"]


def test_what_cannot_be_changed_is_made_anew(server: ApiServer, api: Api, told: Told) -> None:
    first = {**wanted.config_map(), "immutable": True}
    apply_objects(api, SCOPE, [first], told)
    changed = {**first, "data": {"a": "2"}}
    assert actions(api, [changed], told) == ["replaced"]
    assert server.objects.get("ConfigMap", "default", "flights-prod-settings")["data"] == {"a": "2"}


def test_what_is_on_its_way_out_is_made_anew_once_it_is_gone(server: ApiServer, api: Api, told: Told) -> None:
    apply_objects(api, SCOPE, [wanted.config_map()], told)
    live = server.objects.get("ConfigMap", "default", "flights-prod-settings")
    server.objects.update({**live, "metadata": {**live["metadata"], "finalizers": ["tests/slow"]}})
    server.objects.delete("ConfigMap", "default", "flights-prod-settings")
    [change] = differences(api, SCOPE, [wanted.config_map()])
    assert change.action == "create"

    def let_go() -> None:
        ending = server.objects.get("ConfigMap", "default", "flights-prod-settings")
        server.objects.update({**ending, "metadata": {**ending["metadata"], "finalizers": []}})

    threading.Timer(0.3, let_go).start()
    assert actions(api, [wanted.config_map()], told) == ["created"]
    made = server.objects.get("ConfigMap", "default", "flights-prod-settings")["metadata"]
    assert (made["uid"] == live["metadata"]["uid"], made.get("deletionTimestamp")) == (False, None)


def test_a_volume_is_never_made_anew(api: Api, told: Told) -> None:
    apply_objects(api, SCOPE, [wanted.claim()], told)
    other = wanted.claim()
    other["spec"]["accessModes"] = ["ReadWriteMany"]
    with pytest.raises(ModelyardError) as caught:
        apply_objects(api, SCOPE, [other], told)
    assert caught.value.code == "immutable-field"


def test_destroy_takes_what_apply_made_and_leaves_data(server: ApiServer, api: Api, told: Told) -> None:
    apply_objects(api, SCOPE, environment(), told)
    server.objects.create(wanted.job())
    destroy(api, SCOPE, told)
    assert [names(server, kind) for kind in ("Deployment", "Service", "Secret", "Job")] == [[], [], [], []]
    assert names(server, "PersistentVolumeClaim") == ["store"]
    assert any("holds data" in text for text in told.texts)
    destroy(api, SCOPE, told, data=True)
    assert names(server, "PersistentVolumeClaim") == names(server, "ConfigMap") == []
    assert destroy(api, SCOPE, told) == []
