"""Which images of a project an engine is told to take away. It is a list here; a real one is in tests/docker."""

from dataclasses import dataclass, field
from typing import Any

from modelyard.targets.images import labels
from modelyard.targets.images.kept import sweep_images


@dataclass
class Engine:
    """As the SDK's low-level client, as far as sweeping asks it."""

    found: list[dict[str, Any]]
    running: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def images(self, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
        wanted = [label.split("=", 1) for label in filters["label"]]
        return [one for one in self.found if all((one["Labels"] or {}).get(name) == text for name, text in wanted)]

    def containers(self, all: bool) -> list[dict[str, str]]:  # noqa: A002 - the SDK's name
        assert all, "a container that has ended is made from its image too"
        return [{"ImageID": image} for image in self.running]

    def remove_image(self, name: str) -> None:
        self.removed.append(name)


def image(number: int, role: str = "tasks", project: str = "p", tag: str = "") -> dict[str, Any]:
    return {
        "Id": f"sha256:{number}", "RepoTags": [tag or f"modelyard/{project}-{role}:{number}"], "Created": number,
        "Size": number * 10**6, "Labels": {labels.PROJECT: project, labels.ROOT: "/p", labels.ROLE: role},
    }  # fmt: skip


def test_the_newest_of_each_role_stay() -> None:
    engine = Engine([*(image(number) for number in range(1, 7)), *(image(number, "serving") for number in range(7, 9))])
    sweep_images(engine, "p", "/p")
    assert sorted(engine.removed) == ["modelyard/p-tasks:1", "modelyard/p-tasks:2", "modelyard/p-tasks:3"]


def test_what_is_in_use_or_deployed_stays() -> None:
    engine = Engine([image(number) for number in range(1, 7)], running=["sha256:2"])
    sweep_images(engine, "p", "/p", named=["modelyard/p-tasks:1"])
    assert engine.removed == ["modelyard/p-tasks:3"]


def test_other_projects_and_other_images_stay() -> None:
    strangers = [
        {"Id": f"sha256:x{number}", "RepoTags": ["x:1"], "Created": 0, "Size": 1, "Labels": None} for number in range(9)
    ]
    engine = Engine([*(image(number, project="other") for number in range(9)), *strangers])
    assert sweep_images(engine, "p", "/p", keep=0) == []
    assert engine.removed == []


def test_an_image_that_lost_its_name_goes_by_its_id() -> None:
    engine = Engine([image(9), image(8, tag="<none>:<none>")])
    sweep_images(engine, "p", "/p")
    assert engine.removed == ["sha256:8"]
