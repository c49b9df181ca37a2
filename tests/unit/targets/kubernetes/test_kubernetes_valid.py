"""Every object is what the API servers of 1.32 to 1.37 take, and every pod passes Pod Security `restricted`."""

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cluster_projects import IMAGES, PROJECTS, Project, small, specimen
from pod_security import pods_in, violations

from crds import problems
from modelyard.graph.model import Graph, Node
from modelyard.targets.kubernetes.kinds import Object
from modelyard.targets.kubernetes.manifests import packed, run_objects, service_objects, task_objects
from modelyard.targets.kubernetes.manifests.documents import plain_document
from modelyard.targets.kubernetes.manifests.services import deployed_with_graph

VERSIONS = ("1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
_OF_CRDS = {"ExternalSecret", "HTTPRoute"}


def running(project: Project) -> Iterator[Object]:
    """What a pipeline makes while it runs: tasks, the run itself, monitors."""
    graph, scope, cluster = project.graph, project.scope, project.cluster
    for node in graph.nodes.values():
        document = plain_document(node, "b3:" + "1" * 64, graph)
        if node.role == "task":
            yield from task_objects(document, node, scope, cluster, IMAGES["tasks"])
        elif not deployed_with_graph(node):
            yield from service_objects(node, document, graph, scope, cluster, IMAGES["tasks"])
    yield from run_objects(packed(graph, IMAGES), scope, cluster, IMAGES["tasks"], "1a2b3c")


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Project]:
    return {name: make(tmp_path_factory.mktemp(name)) for name, make in PROJECTS.items()}


@pytest.fixture(scope="module")
def objects(projects: dict[str, Project]) -> list[Object]:
    """One of each shape: what is the same but for names and values is checked once."""
    every = [one for project in projects.values() for one in (*project.objects(), *running(project))]
    return list({_shape(one): one for one in every}.values())


def _shape(data: Any) -> Any:
    if isinstance(data, dict):
        return tuple((key, _shape(part)) for key, part in sorted(data.items()) if key not in ("labels", "annotations"))
    if isinstance(data, list):
        return tuple(dict.fromkeys(map(_shape, data)))
    return type(data)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(version: str, objects: list[Object], monkeypatch: pytest.MonkeyPatch) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    monkeypatch.setattr(kubernetes_validate.utils, "schema_contents", cache(kubernetes_validate.utils.schema_contents))
    for one in objects:
        if one["kind"] not in _OF_CRDS:
            kubernetes_validate.validate(one, version, strict=True)


def test_a_route_is_what_the_gateway_api_takes(tmp_path: Path) -> None:
    gateway = "expose: {domain: example.com, gateway: {name: public, namespace: gateways, section: https}}"
    route = small(tmp_path, f"store: 1Gi, {gateway}").one("HTTPRoute")
    assert route["spec"]["hostnames"] == ["api.example.com"]
    assert route["spec"]["parentRefs"][0]["sectionName"] == "https"
    assert problems(route) == []


def test_every_pod_passes_restricted(objects: list[Object]) -> None:
    found = {title: violations(pod) for title, pod in pods_in(objects)}
    assert len(found) > 10
    assert {title: broken for title, broken in found.items() if broken} == {}


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        (("hostNetwork",), True, "hostNetwork"),
        (("securityContext", "runAsNonRoot"), False, "runAsNonRoot"),
        (("securityContext", "runAsUser"), 0, "runs as root"),
        (("securityContext", "seccompProfile"), None, "seccompProfile"),
        (("volumes", 0), {"name": "host", "hostPath": {"path": "/"}}, "hostPath"),
        (("containers", 0, "securityContext", "capabilities"), {}, "does not drop ALL"),
        (("containers", 0, "securityContext", "allowPrivilegeEscalation"), True, "allowPrivilegeEscalation"),
        (("containers", 0, "ports"), [{"containerPort": 80, "hostPort": 80}], "hostPort"),
    ],
)  # fmt: skip
def test_the_rules_see_what_breaks_them(tmp_path: Path, path: tuple[Any, ...], value: Any, rule: str) -> None:
    pod = deepcopy(dict(pods_in(small(tmp_path).objects()))["Deployment small-prod-serving-api"])
    assert violations(pod) == []
    place = pod
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert any(rule in broken for broken in violations(pod))


def test_every_container_has_bounds_and_a_root_that_it_cannot_write_to(objects: list[Object]) -> None:
    for title, pod in pods_in(objects):
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, title
            assert container["resources"]["requests"].keys() == container["resources"]["limits"].keys(), title
            assert {"cpu", "memory"} <= container["resources"]["limits"].keys(), title
            assert container["imagePullPolicy"] == "IfNotPresent", title
            assert "@sha256:" in container["image"], title


def test_only_the_runner_has_a_token(objects: list[Object]) -> None:
    with_token = {pod["serviceAccountName"] for _, pod in pods_in(objects) if pod["automountServiceAccountToken"]}
    assert {name.rpartition("-")[2] for name in with_token} == {"runner"}
    accounts = [one for one in objects if one["kind"] == "ServiceAccount"]
    assert accounts
    assert not any(one["automountServiceAccountToken"] for one in accounts)


def test_names_and_labels_are_what_the_api_server_takes(projects: dict[str, Project]) -> None:
    import re

    dns = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
    value = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?")
    for project in projects.values():
        for one in (*project.objects(), *running(project)):
            metadata = one["metadata"]
            assert dns.fullmatch(metadata["name"])
            assert len(metadata["name"]) <= (52 if one["kind"] == "CronJob" else 63)
            assert all(value.fullmatch(label) and len(label) <= 63 for label in metadata["labels"].values())
            assert project.scope.owns(metadata)


def test_no_rights_by_wildcard(objects: list[Object]) -> None:
    rules = [rule for one in objects if one["kind"] == "Role" for rule in one["rules"]]
    assert rules
    assert not any("*" in words for rule in rules for words in rule.values())
    assert not any(rule["resources"] == ["secrets"] and set(rule["verbs"]) & {"list", "watch"} for rule in rules)


def test_a_secret_is_never_more_than_a_reference(projects: dict[str, Project], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "API_TOKENS", "OPS_URL", "PG_PASSWORD", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "hunter22hunter22")
    project = projects["specimen"]
    assert not any(b"hunter22" in content for content in project.files().values())
    assert "hunter22" not in str(list(running(project)))


def test_a_name_may_not_be_of_two_addresses(tmp_path: Path) -> None:
    scope = specimen(tmp_path).scope
    addresses = [
        "training.a",
        "training.a.b",
        "training.a-b",
        "training.a_b",
        "training.a[1]",
        "serving.a",
        "training.A",
    ]
    addresses += [f"training.{'a' * 60}{n}" for n in range(3)]
    names = [scope.name(address) for address in addresses]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 52 for name in names)
    jobs = [scope.job_name(address, "1a2b3c4d5e6f", 12) for address in addresses]
    assert len(set(jobs)) == len(jobs)
    assert all(len(name) <= 52 for name in jobs)


def test_a_graph_of_no_cluster_is_taken_too() -> None:
    from modelyard.targets.kubernetes.manifests import objects_of
    from modelyard.targets.kubernetes.names import Scope
    from modelyard.targets.kubernetes.settings import Cluster

    graph = Graph("p", {"serving.api": Node("serving.api", "serve", "service", {"model": "m", "port": 0})})
    made = objects_of(graph, Scope("p"), Cluster(), IMAGES)
    assert [one["metadata"]["name"] for one in made if one["kind"] == "Deployment"] == ["p-default-serving-api"]
