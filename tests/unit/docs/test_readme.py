"""What README and docs say is so: commands exist, specs validate, links lead somewhere, generated parts are fresh."""

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from modelyard.cli.group import COMMANDS
from modelyard.spec import load_spec
from modelyard.spec.unsupported import UNSUPPORTED

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").rglob("*.md")))
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`(modelyard [a-z][^`]*)`")


class Block(NamedTuple):
    page: Path
    language: str
    text: str


BLOCKS = [Block(page, found[1], found[2]) for page in PAGES for found in _FENCE.finditer(page.read_text("utf-8"))]


def _prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text("utf-8"))


def _shell_lines() -> Iterator[tuple[Path, str]]:
    for page, language, text in BLOCKS:
        lines = text.replace("\\\n", " ").splitlines()
        if language == "console":
            yield from ((page, line.removeprefix("$ ")) for line in lines if line.startswith("$ "))
        elif language in ("sh", "yaml"):
            yield from ((page, line.removeprefix("      - run: ")) for line in lines)


def _commands() -> Iterator[tuple[str, list[str]]]:
    """Each `modelyard …` that a page shows, as (page, words)."""
    lines = [*_shell_lines(), *((page, found) for page in PAGES for found in _INLINE.findall(_prose(page)))]
    for page, line in lines:
        for part in re.split(r"&&|\||;(?= )", line):
            if part.strip().startswith("modelyard "):
                plain = re.sub(r"\$\{\{.*?\}\}", "X", part.partition(" > ")[0])
                words = shlex.split(plain, comments=True)
                yield page.name, words[1:]


COMMANDS_SHOWN = sorted({(page, tuple(words)) for page, words in _commands()})


@pytest.mark.parametrize(
    ("page", "words"), COMMANDS_SHOWN, ids=lambda part: part if isinstance(part, str) else " ".join(part)
)
def test_every_command_shown_can_be_typed(page: str, words: tuple[str, ...]) -> None:
    name, *arguments = words
    assert name in COMMANDS, page
    command: click.Command = import_module(f"modelyard.cli.{name}").command
    command.make_context(name, arguments)  # raises UsageError for an option, a choice or an argument that is not there


def test_the_pages_show_commands_to_check() -> None:
    assert {"plan", "apply", "init", "validate"} <= {words[0] for _, words in COMMANDS_SHOWN}


DATA = {
    "orders.csv": "price,returned\n2.5,yes\n1.0,no\n",
    "tumours.csv": "mean radius,target\n17.9,0\n13.5,1\n",
    "iris.csv": "petal_length,petal_width,target\n1.4,0.2,0\n4.7,1.4,1\n",
}
"""Data that the specs on the pages name, with the columns that they name."""

SPECS = [block for block in BLOCKS if block.language == "yaml" and block.text.startswith("version: 1")]


@pytest.mark.parametrize("block", SPECS, ids=lambda block: f"{block.page.name}-{block.text.split()[3]}")
def test_every_spec_shown_validates(block: Block, tmp_path: Path) -> None:
    for other in BLOCKS:
        named = re.match(r"# (\w+\.py)\n", other.text)
        if other.language == "python" and other.page == block.page and named:
            (tmp_path / named[1]).write_text(other.text, encoding="utf-8")
    (tmp_path / "data").mkdir()
    for name, text in DATA.items():
        (tmp_path / "data" / name).write_text(text, encoding="utf-8")
    path = tmp_path / "mlops.yaml"
    path.write_text(block.text, encoding="utf-8")
    assert load_spec(path).spec.project


def test_the_readme_has_a_spec_of_thirty_lines() -> None:
    first = next(block for block in SPECS if block.page == README)
    assert len(first.text.splitlines()) <= 30


def test_the_not_yet_list_is_the_table_of_what_validate_refuses() -> None:
    listed = README.read_text("utf-8").partition("## What is not yet")[2].partition("\n## ")[0]
    names = [line.removeprefix("- ") for line in listed.splitlines() if line.startswith("- ")]
    assert len(names) == len(UNSUPPORTED)
    assert all(name.startswith(one.name) for name, one in zip(names, UNSUPPORTED, strict=True))


def test_generated_parts_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    generate = import_module("docs").page
    stale = [page.name for page in PAGES if generate(page.read_text("utf-8")) != page.read_text("utf-8")]
    assert stale == [], "run `make docs`"


def test_every_key_of_the_language_is_in_the_reference() -> None:
    from modelyard.spec.model import Spec

    text = (ROOT / "docs/spec.md").read_text("utf-8")
    assert [key for key in Spec.keys() if f"`{key}`" not in text] == []  # noqa: SIM118 - not a dict's


def _slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _anchors(page: Path) -> set[str]:
    return {_slug(found) for found in re.findall(r"^#+ (.*)$", _prose(page), re.MULTILINE)}


def _links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
            if "://" not in target:
                yield page, target


@pytest.mark.parametrize(
    ("page", "target"), sorted(set(_links())), ids=lambda part: part.name if isinstance(part, Path) else part
)
def test_every_link_leads_somewhere(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    place = (page.parent / name).resolve() if name else page
    assert place.is_file()
    assert not anchor or anchor in _anchors(place)


def test_every_make_target_shown_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    shown = {
        name for page in PAGES for name in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)
    }
    assert {"demo", "test"} <= shown <= targets


def test_every_route_asked_for_is_served() -> None:
    routing = pytest.importorskip("starlette.routing")
    from modelyard.serving.protocol import protocol_routes

    routes = [*protocol_routes(), *(routing.Route(path, lambda: None) for path in ("/predict", "/metrics"))]
    asked = set(re.findall(r"http://127\.0\.0\.1:\d+(/[\w/]+)", (ROOT / "docs/serving.md").read_text("utf-8")))
    assert len(asked) > 5
    assert [path for path in asked if not any(route.path_regex.match(path) for route in routes)] == []
