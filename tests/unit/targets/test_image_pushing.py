"""Images built for any target, and pushed: what is said meanwhile, what a registry refuses, what is noted."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from modelyard.apply.images import build_images
from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph, Node
from modelyard.targets.docker.engine import Engine
from modelyard.targets.images import images_of
from modelyard.targets.images.pushing import Pushed, push
from modelyard.targets.images.workshop import Workshop

pytest.importorskip("docker")
NAME = "registry.example.com/team/flights-tasks:1234"
DIGEST = "sha256:" + "a" * 64


class Registry:
    """An engine's client whose registry answers with `lines`."""

    def __init__(self, *lines: dict[str, Any], there: str = "") -> None:
        self.lines = lines
        self.there = there
        self.asked: list[tuple[str, str]] = []
        self.questions: list[str] = []

    def inspect_distribution(self, name: str) -> dict[str, Any]:
        from docker.errors import NotFound

        self.questions.append(name)
        if not self.there:
            raise NotFound("no such manifest")
        return {"Descriptor": {"digest": self.there}}

    def inspect_image(self, name: str) -> dict[str, Any]:
        return {"Size": 1}  # it is built

    def push(self, repository: str, *, tag: str, stream: bool, decode: bool) -> Iterator[dict[str, Any]]:
        self.asked.append((repository, tag))
        yield from self.lines


def pushed(registry: Registry, events: list[Any] | None = None) -> str:
    return push(Engine(registry), NAME, (events if events is not None else []).append, threading.Event())


def test_a_push_tells_its_progress_and_the_registrys_digest():
    layers = [
        {"id": "one", "progressDetail": {"current": 1_000_000, "total": 4_000_000}},
        {"id": "two", "progressDetail": {"current": 9_000_000, "total": 6_000_000}},
        {"id": "one", "status": "Layer already exists", "progressDetail": {}},
        {"progressDetail": {}, "aux": {"Tag": "1234", "Digest": DIGEST, "Size": 7}},
    ]
    registry, events = Registry(*layers), []
    assert pushed(registry, events) == DIGEST
    assert registry.asked == [("registry.example.com/team/flights-tasks", "1234")]
    progress = [(event["done"], event["total"]) for event in events if event["event"] == "progress"]
    assert progress == [(1.0, 4.0), (7.0, 10.0)]


@pytest.mark.parametrize("there", ["", DIGEST])
def test_a_registry_is_asked_once_and_sent_only_what_it_has_not(tmp_path, monkeypatch, there):
    registry = Registry({"aux": {"Digest": DIGEST}}, there=there)
    monkeypatch.setattr(Engine, "connect", lambda context: Engine(registry))
    monkeypatch.setattr(Workshop, "build", lambda *rest: None)
    target = {"compose": {"base": "debian", "registry": "registry.example.com/team"}}
    graph = Graph("flights", {"steps.a": Node("steps.a", "command")}, target=target)
    built = build_images(graph, tmp_path, lambda event: None, threading.Event(), pushing=True)
    assert [one.digest for one in built] == [DIGEST]
    assert registry.questions == [built[0].name]
    assert len(registry.asked) == (0 if there else 1)


@pytest.mark.parametrize(
    ("said", "code", "fix"),
    [
        ("unauthorized: authentication required", "no-login", "docker login registry.example.com"),
        ("denied: requested access to the resource is denied", "no-login", "docker login registry.example.com"),
        ("no basic auth credentials", "no-login", "docker login"),
        ("dial tcp: lookup registry.example.com: no such host", "no-registry", "check `registry`"),
        ("dial tcp 10.0.0.1:443: connect: connection refused", "no-registry", "check `registry`"),
        ("http: server gave HTTP response to HTTPS client", "no-registry", "insecure-registries"),
        ("x509: certificate signed by unknown authority", "no-registry", "certs.d/registry.example.com"),
        (
            "name unknown: The repository does not exist",
            "no-repository",
            "registry.example.com/team/flights-tasks there",
        ),
        ("toomanyrequests: slow down", "rate-limited", "wait"),
        ("write: no space left on device", "disk-full", "free some space"),
        ("something new", "push-failed", ""),
    ],
)
def test_a_refusal_is_one_line_with_what_to_do(said, code, fix):
    with pytest.raises(ModelyardError, match=r"flights-tasks:1234 could not be pushed to registry\.example") as error:
        pushed(Registry({"error": said}))
    assert error.value.code == code
    assert fix in (error.value.fix or "")


def test_a_push_is_cancelled_between_two_lines():
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(ModelyardError, match="cancelled"):
        push(Engine(Registry({"status": "Preparing"})), NAME, lambda event: None, cancel)


def test_digests_are_noted_by_name_the_latest_of_each_repository(tmp_path):
    noted = Pushed(tmp_path)
    assert noted.pinned(NAME) == NAME
    noted.note("registry.example.com/team/flights-tasks:old", "sha256:1")
    noted.note("registry.example.com/team/flights-serving:1", "sha256:2")
    noted.note(NAME, DIGEST)
    assert noted.pinned(NAME) == f"{NAME}@{DIGEST}"
    assert sorted(noted.known()) == ["registry.example.com/team/flights-serving:1", NAME]
    (tmp_path / ".modelyard/images.json").write_text("[")
    assert Pushed(tmp_path).pinned(NAME) == NAME


def test_names_say_the_registry_and_an_image_for_one_place_is_another(tmp_path):
    graph = Graph("My Flights", {"steps.a": Node("steps.a", "command", config={"run": "true"})})
    plain = images_of(graph, tmp_path, "base")["tasks"].name
    there = images_of(graph, tmp_path, "base", registry="registry.example.com/team/")["tasks"].name
    placed = images_of(graph, tmp_path, "base", place="/project")["tasks"].name
    assert plain.startswith("modelyard/my-flights-tasks:")
    assert there == plain.replace("modelyard/", "registry.example.com/team/")
    assert placed.partition(":")[0] == plain.partition(":")[0]
    assert placed != plain


def test_an_image_that_no_node_runs_in_is_made_where_it_is_always_wanted(tmp_path):
    graph = Graph("p", {}, target={"kubernetes": {}})
    image = images_of(graph, tmp_path, "base", always=["tasks"])["tasks"]
    assert b"kubernetes" in image.files["requirements.txt"]
    assert images_of(graph, tmp_path, "base") == {}


def test_the_workshop_holds_the_contexts_of_what_is_built_and_nothing_else(tmp_path):
    graph = Graph("p", {"steps.a": Node("steps.a", "command", config={"run": "true"})})
    images = images_of(graph, tmp_path, "base")
    workshop = Workshop(tmp_path / "build", "modelyard-build", "/project", "base")
    (tmp_path / "build/images/serving").mkdir(parents=True)
    workshop._write(images.values())
    written = json.loads((tmp_path / "build/compose.yaml").read_text())
    service = written["services"]["image-tasks"]
    assert (service["image"], service["profiles"]) == (images["tasks"].name, ["images"])
    assert service["build"]["args"]["ROOT"] == "/project"
    assert sorted(service["build"]["secrets"]) == sorted(written["secrets"])
    context = tmp_path / "build/images/tasks"
    found = {path.relative_to(context).as_posix() for path in context.rglob("*") if path.is_file()}
    assert found == set(images["tasks"].files)
    assert [path.name for path in (tmp_path / "build/images").iterdir()] == ["tasks"]
