"""What an engine's list of containers says of a service, and where a plan has the size of an image from."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelyard.graph.model import Graph, Node
from modelyard.targets.base import LiveService
from modelyard.targets.compose.definition import Service
from modelyard.targets.compose.image_notes import image_notes
from modelyard.targets.compose.names import Scope
from modelyard.targets.compose.observing import containers, live_service
from modelyard.targets.images.kept import Held

SCOPE = Scope("p", "dev", Path("/p"))
API = Service("api", "serving.api", "serve", "b3:1", "serving", 8080, 8081, image="p-serving:1", made="as-applied")


class Client:
    """Lists these containers."""

    def __init__(self, *found: dict[str, Any]) -> None:
        self.found = found

    def containers(self, **asked: Any) -> list[dict[str, Any]]:
        return list(self.found)


def container(part: str, made: str = "as-applied", port: int | None = None, **changes: Any) -> dict[str, Any]:
    labels = {
        **SCOPE.labels, "dev.modelyard.address": "serving.api", "dev.modelyard.fingerprint": "b3:1",
        "dev.modelyard.part": part, "com.docker.compose.config-hash": made,
    }  # fmt: skip
    told = {"Id": part, "Created": 1, "Labels": labels, "State": "running", "Status": "Up", "Image": "p-serving:1"}
    return {**told, "Ports": [{"PublicPort": port}] if port else [], **changes}


def live(*found: dict[str, Any], service: Service = API) -> LiveService:
    return live_service(service, containers(Client(*found), SCOPE)["serving.api"])


def test_a_service_as_it_was_applied() -> None:
    seen = live(container("server"), container("door", port=8081))
    assert (seen.status, seen.fingerprint, seen.url) == ("ready", "b3:1", "http://127.0.0.1:8081")


@pytest.mark.parametrize("changes", [{"made": "edited"}, {"Image": "p-serving:2"}], ids=["configuration", "image"])
def test_a_container_that_somebody_made_otherwise_is_not_what_was_applied(changes: Any) -> None:
    assert live(container("server", **changes), container("door", port=8081)).fingerprint != "b3:1"


def test_of_a_record_that_does_not_say_how_its_container_was_made_nothing_is_asked() -> None:
    seen = live(container("server", made="whatever"), container("door", port=8081), service=replace(API, made=""))
    assert seen.fingerprint == "b3:1"


@pytest.mark.parametrize("door", [{"port": 9999}, {"State": "exited"}], ids=["another port", "ended"])
def test_a_service_that_its_port_does_not_lead_to_is_stopped(door: Any) -> None:
    assert live(container("server"), container("door", **door)).status == "stopped"


def test_one_whose_health_check_fails_says_so() -> None:
    seen = live(container("server", Status="Up 2 minutes (unhealthy)"), container("door", port=8081))
    assert (seen.status, seen.detail) == ("unhealthy", "its health check fails")


class Sizes:
    """An engine that tells of images by name, and notes which were asked for."""

    def __init__(self, **sizes: int) -> None:
        self.sizes = sizes
        self.asked: list[str] = []

    def has_image(self, name: str) -> dict[str, Any] | None:
        self.asked.append(name)
        return {"Size": self.sizes[name]} if name in self.sizes else None


NODES = {at: Node(at, kind, "service") for at, kind in (("serving.a", "serve"), ("serving.b", "serve"))}
BUILT = [Held("2", ("x:2",), "serving", 2, 444_000_000), Held("1", ("x:1",), "serving", 1, 1_000_000)]


def never() -> list[Held]:
    raise AssertionError("all images were listed")


def test_images_of_what_is_deployed_are_asked_for_by_name_each_once() -> None:
    known = {at: replace(API, address=at, image="one") for at in NODES}
    engine: Any = Sizes(one=445_000_000)
    assert image_notes(Graph("p", NODES), known, engine, never) == dict.fromkeys(NODES, "image 445 MB")
    assert engine.asked == ["one"]


def test_what_is_not_deployed_yet_has_the_size_of_the_image_built_last_and_none_without() -> None:
    engine: Any = Sizes()
    assert image_notes(Graph("p", NODES), {}, engine, lambda: BUILT) == dict.fromkeys(NODES, "image 444 MB")
    assert image_notes(Graph("p", NODES), {}, engine, list) == {}
