"""Modelyard's own client against a server that pushes back, breaks off, forgets, and says no."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wanted
import yaml

from cluster import ApiServer
from cluster.objects import How
from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.api_errors import FieldConflict, Refusal
from modelyard.targets.kubernetes.connecting import connect
from modelyard.targets.kubernetes.kinds import CONFIG_MAP, DEPLOYMENT, JOB, POD, Kind
from modelyard.targets.kubernetes.requesting import Requester
from modelyard.targets.kubernetes.watching import Event

NAME = "flights-prod-settings"


@pytest.fixture
def waits() -> list[float]:
    """Seconds that the client would have waited between attempts."""
    return []


@pytest.fixture
def api(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> Api:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "config")))
    connection = connect("tests")

    def wait(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(min(seconds, 0.02))

    return Api(connection, "default", Requester(connection, sleep=wait))


def code_of(refused: Callable[[], object]) -> tuple[str, str, str]:
    with pytest.raises(ModelyardError) as caught:
        refused()
    assert caught.value.fix, "every refusal tells what to do"
    return caught.value.code, caught.value.what, caught.value.fix


def test_a_busy_server_is_asked_again_when_it_said(server: ApiServer, api: Api, waits: list[float]) -> None:
    server.faults.add(429, verb="patch", times=2, retry_after=7)
    api.apply(wanted.config_map())
    assert [round(seconds) for seconds in waits] == [7, 7]


def test_what_a_server_says_in_passing_is_no_end(server: ApiServer, api: Api) -> None:
    for code in (500, 503, 0):
        server.faults.add(code, verb="list")
    api.apply(wanted.config_map())
    assert [obj["kind"] for obj in api.list(CONFIG_MAP)] == ["ConfigMap"]


def test_two_writers_at_once_both_get_through(server: ApiServer, api: Api) -> None:
    api.apply(wanted.config_map(n="0"))
    api.change(CONFIG_MAP, NAME, lambda live: {**live, "data": {"n": "0"}})

    def count(_: int) -> None:
        api.change(CONFIG_MAP, NAME, lambda live: {**live, "data": {"n": str(int(live["data"]["n"]) + 1)}})

    threads = [threading.Thread(target=count, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (api.get(CONFIG_MAP, NAME) or {})["data"] == {"n": "4"}


def test_an_apply_that_met_another_write_is_made_again(server: ApiServer, api: Api, waits: list[float]) -> None:
    server.faults.add(409, verb="patch")
    assert api.apply(wanted.config_map())["data"] == {"a": "1"}
    assert len(waits) == 1


def test_an_old_version_is_not_written_over(api: Api) -> None:
    old = api.create(wanted.config_map())
    api.replace({**old, "data": {"a": "2"}})
    assert code_of(lambda: api.replace({**old, "data": {"a": "3"}}))[0] == "modified"


def test_a_create_whose_answer_was_lost_is_not_an_error(server: ApiServer, api: Api) -> None:
    def lose(verb: str, resource: object, obj: object) -> None:
        """The object is stored, and the connection breaks before its maker hears of it."""
        if verb == "CREATE" and not lost:
            lost.append(True)
            server.objects.create(wanted.job())
            raise ConnectionAbortedError

    lost: list[bool] = []
    server.objects.admissions.append(lose)
    assert (
        api.create(wanted.job())["metadata"]["uid"]
        == server.objects.get("Job", "default", "flights-prod-run-1")["metadata"]["uid"]
    )
    assert code_of(lambda: api.create(wanted.job()))[0] == "already-exists"


def test_of_a_cluster_that_never_answered_one_is_told_at_once(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = server.kubeconfig(tmp_path / "config")
    config.write_text(config.read_text().replace(str(server.port), "1"))
    monkeypatch.setenv("KUBECONFIG", str(config))
    began = time.monotonic()
    code, what, fix = code_of(Api.connect("tests", "default").version)
    assert time.monotonic() - began < 3
    why = "Failed to establish a new connection: Connection refused"
    assert (code, what) == ("no-cluster", f"context tests does not answer at https://127.0.0.1:1: {why}")
    assert "kubectl cluster-info" in fix


def test_contexts_are_named_and_nothing_is_guessed(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "config", context="kind-dev")))
    code, what, fix = code_of(lambda: Api.connect("kind-dve", "default"))
    assert (code, what) == ("no-cluster", "the kubeconfig has no context `kind-dve`")
    assert "did you mean `kind-dev`" in fix
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    assert code_of(lambda: Api.connect(None, "default"))[0] == "no-cluster"
    for text in ("a: [", "- 1", "contexts: 3", "apiVersion: v1"):
        (tmp_path / "config").write_text(text)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        assert code_of(lambda: Api.connect("tests", "default"))[0] == "no-cluster"


def test_an_untrusted_certificate_is_told_apart(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import certifi

    config = server.kubeconfig(tmp_path / "config")
    config.write_text(config.read_text().replace(str(server.certificate), certifi.where()))
    monkeypatch.setenv("KUBECONFIG", str(config))
    assert "certificate-authority" in code_of(Api.connect("tests", "default").version)[2]


def test_a_login_that_ended_is_renewed_or_told(server: ApiServer, api: Api, tmp_path: Path) -> None:
    from cluster.access import ADMIN

    api.list(POD)
    server.access.expire()
    server.kubeconfig(tmp_path / "config", token=server.access.token_of(ADMIN))
    assert api.list(POD) == []
    server.access.expire()
    code, what, _ = code_of(lambda: api.list(POD))
    assert (code, "has expired" in what) == ("expired-token", True)


def test_a_token_by_a_plugin_is_asked_for_anew_once_it_is_refused(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the clouds' kubeconfigs have it."""
    token, config = tmp_path / "token", server.kubeconfig(tmp_path / "config")
    api_version = "client.authentication.k8s.io/v1"
    credential = f'{{"apiVersion": "{api_version}", "kind": "ExecCredential", "status": {{"token": "%s"}}}}'
    script = tmp_path / "login"
    script.write_text(f"#!/bin/sh\nprintf '{credential}' $(cat {token})\n")
    script.chmod(0o700)
    settings = yaml.safe_load(config.read_text())
    plugin = {"apiVersion": api_version, "command": str(script), "args": [], "interactiveMode": "Never"}
    settings["users"][0]["user"] = {"exec": plugin}
    config.write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("KUBECONFIG", str(config))
    token.write_text("old")
    api = Api.connect("tests", "default")
    assert code_of(lambda: api.list(POD))[0] == "expired-token"
    token.write_text(server.token)
    assert api.list(POD) == []
    script.write_text("#!/bin/sh\necho 'your session is over: run `cloud login`' >&2\nexit 1\n")
    code, what, _ = code_of(lambda: Api.connect("tests", "default"))
    assert (code, "your session is over: run `cloud login`" in what) == ("expired-token", True)


def test_a_missing_right_is_named_as_a_rule(server: ApiServer, api: Api) -> None:
    server.access.deny(group="batch", plural="jobs", verb="create")
    code, what, fix = code_of(lambda: api.create(wanted.job()))
    assert (code, what) == (
        "no-rights", "Job flights-prod-run-1: kubernetes-admin may not create jobs in namespace default",
    )  # fmt: skip
    assert '{apiGroups: ["batch"], resources: ["jobs"], verbs: ["create"]}' in fix
    assert not api.may("create", JOB)
    assert api.may("get", JOB)


def test_a_kind_that_the_cluster_lacks_names_what_brings_it(api: Api) -> None:
    code, what, fix = code_of(lambda: api.list(Kind("trainer.kubeflow.org/v1alpha1", "TrainJob")))
    assert (code, what) == ("missing-kind", "context tests knows no TrainJob of trainer.kubeflow.org/v1alpha1")
    assert "install Kubeflow Trainer" in fix


def test_a_kind_installed_later_is_found(server: ApiServer, api: Api) -> None:
    kind = Kind("example.org/v1", "Thing")
    assert code_of(lambda: api.list(kind))[0] == "missing-kind"
    names = {"plural": "things", "singular": "thing", "kind": "Thing"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    server.objects.create({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.org"},
        "spec": {"group": "example.org", "scope": "Namespaced", "names": names, "versions": [version]},
    })  # fmt: skip
    assert api.list(kind) == []


def test_what_an_admission_webhook_denies_is_told_in_its_words(server: ApiServer, api: Api) -> None:
    server.deny_by_webhook("Deployment", "images must come from registry.example.org")
    code, what, _ = code_of(lambda: api.apply(wanted.deployment()))
    assert (code, what.endswith("denies it: images must come from registry.example.org")) == ("admission-denied", True)


def test_a_quota_that_is_used_up_is_named(server: ApiServer, api: Api) -> None:
    quota = {"kind": "ResourceQuota", "apiVersion": "v1", "metadata": {"name": "few", "namespace": "default"}}
    server.objects.create({**quota, "spec": {"hard": {"count/configmaps": "0"}}})
    code, what, fix = code_of(lambda: api.apply(wanted.config_map()))
    assert (code, "quota few of namespace default is used up" in what) == ("quota-exceeded", True)
    assert "kubectl describe resourcequota few -n default" in fix


def test_a_namespace_that_ends_or_is_not_there_is_told(server: ApiServer, api: Api) -> None:
    server.make_namespace("work")
    space = server.objects.get("Namespace", "", "work")
    server.objects.update({**space, "metadata": {**space["metadata"], "finalizers": ["tests/slow"]}})
    server.objects.delete("Namespace", "", "work")
    there = {**wanted.config_map(), "metadata": {"name": "a", "namespace": "work"}}
    ending = Api(api._requester.connection, "work")
    assert code_of(lambda: ending.apply(there))[:2] == (
        "namespace-terminating", "namespace work is being deleted: nothing can be made in it",
    )  # fmt: skip
    nowhere = Api(api._requester.connection, "nowhere")
    missing = {**there, "metadata": {"name": "a"}}
    assert code_of(lambda: nowhere.apply(missing))[0] == "no-namespace"


def test_a_field_of_another_is_named_with_its_holder(server: ApiServer, api: Api) -> None:
    live = api.apply(wanted.deployment())
    live["spec"]["replicas"] = 4
    server.objects.update(live, How("kubectl-edit"))
    with pytest.raises(FieldConflict, match="kubectl-edit") as caught:
        api.apply(wanted.deployment())
    [held] = caught.value.owned
    assert (held.field, held.manager, held.by_hand) == (".spec.replicas", "kubectl-edit", True)
    assert api.apply(wanted.deployment(), force=True)["spec"]["replicas"] == 1
    server.objects.apply({**wanted.deployment(), "spec": {"replicas": 3}}, How("argocd", force=True))
    with pytest.raises(FieldConflict) as caught:
        api.apply(wanted.deployment())
    assert [held.by_hand for held in caught.value.owned] == [False]


def test_only_the_object_that_was_meant_is_deleted(api: Api) -> None:
    old = api.create(wanted.config_map())
    api.delete(CONFIG_MAP, NAME)
    api.create(wanted.config_map())
    assert not api.delete(CONFIG_MAP, NAME, uid=old["metadata"]["uid"])
    assert api.get(CONFIG_MAP, NAME)
    assert not api.delete(CONFIG_MAP, "never-was")


def test_an_invalid_object_names_its_fields(api: Api) -> None:
    bad = wanted.deployment()
    bad["spec"]["bogus"] = 1
    code, what, _ = code_of(lambda: api.apply(bad))
    assert (code, "bogus" in what) == ("invalid", True)


class Watching:
    """A watch read by a thread of its own."""

    def __init__(self, events: Iterator[Event]) -> None:
        self.seen: list[tuple[str, str]] = []
        threading.Thread(target=self._read, args=(events,), daemon=True).start()

    def _read(self, events: Iterator[Event]) -> None:
        for event in events:
            if event.type != "TICK":
                self.seen.append((event.type, event.object["metadata"]["name"].removeprefix("flights-prod-")))

    def wait_for(self, *seen: tuple[str, str]) -> None:
        until = time.monotonic() + 8
        while time.monotonic() < until and not set(seen) <= set(self.seen):
            time.sleep(0.02)
        assert set(seen) <= set(self.seen), self.seen


@pytest.fixture
def watching(api: Api) -> Iterator[Watching]:
    stop = threading.Event()
    api.create(wanted.config_map("first"))
    yield Watching(api.watch(CONFIG_MAP, wanted.SCOPE.selector, stop=stop, tick=0.1))
    stop.set()


def test_a_watch_tells_what_is_there_and_what_comes(api: Api, watching: Watching) -> None:
    watching.wait_for(("ADDED", "first"))
    api.create(wanted.config_map("second"))
    api.change(CONFIG_MAP, "flights-prod-second", lambda live: {**live, "data": {}})
    api.delete(CONFIG_MAP, "flights-prod-first")
    watching.wait_for(("ADDED", "second"), ("MODIFIED", "second"), ("DELETED", "first"))


def test_a_watch_that_breaks_goes_on_and_misses_nothing(server: ApiServer, api: Api, watching: Watching) -> None:
    watching.wait_for(("ADDED", "first"))
    server.faults.break_watches()
    server.faults.add(503, verb="watch")
    api.create(wanted.config_map("second"))
    watching.wait_for(("ADDED", "second"))
    assert watching.seen.count(("ADDED", "first")) == 1


def test_a_watch_whose_version_is_forgotten_lists_anew(server: ApiServer, api: Api, watching: Watching) -> None:
    watching.wait_for(("ADDED", "first"))
    server.faults.add(503, verb="watch", times=10)
    server.faults.break_watches()
    api.create(wanted.config_map("second"))
    api.delete(CONFIG_MAP, "flights-prod-first")
    server.objects.storage.forget_events()
    server.faults.clear()
    watching.wait_for(("ADDED", "second"), ("DELETED", "first"))


def test_a_watch_without_rights_ends_with_the_rule(server: ApiServer, api: Api) -> None:
    server.access.deny(plural="configmaps", verb="watch")
    assert code_of(lambda: list(api.watch(CONFIG_MAP)))[0] == "no-rights"


def test_a_watch_ends_soon_after_it_is_told_to(api: Api) -> None:
    stop = threading.Event()
    began = time.monotonic()
    for event in api.watch(DEPLOYMENT, stop=stop, tick=0.05):
        assert event.type == "TICK"
        stop.set()
    assert time.monotonic() - began < 2


def test_a_refusal_has_a_status(api: Api) -> None:
    with pytest.raises(Refusal) as caught:
        api.replace(wanted.config_map())
    assert (caught.value.status, caught.value.reason) == (404, "NotFound")
