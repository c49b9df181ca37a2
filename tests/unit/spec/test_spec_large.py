"""A large file is parsed once; what is kept of it says the same, down to the place of every value."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from test_spec_properties import TREES, identical, law

from modelyard.errors import ErrorGroup
from modelyard.spec import kept, large, load_spec
from modelyard.spec.emit import dump
from modelyard.spec.files import LARGE
from modelyard.spec.large import read_large
from modelyard.spec.reader import read
from modelyard.spec.tree import Map, Seq, item_place, nearest_place

STEP = "{{run: [echo, 'a & b', {}.5], params: {{on: true, off: null, deep: [[1], [{{a: -0.0}}]]}}}}"


def text_of(steps: int) -> str:
    return "version: 1\nproject: p\nsteps:\n" + "".join(f"  s{n}: {STEP.format(n)}\n" for n in range(steps))


TEXT = text_of(40)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "modelyard"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were parsed, not taken from what was kept."""
    files: list[str] = []

    def counted(data: bytes, file: str) -> Any:
        files.append(file)
        return read(data, file)

    monkeypatch.setattr(large, "read", counted)
    return files


def same_marks(one: Any, other: Any) -> bool:
    if not isinstance(one, (Map, Seq)):
        return True
    pairs = zip(one.values(), other.values(), strict=True) if isinstance(one, Map) else zip(one, other, strict=True)
    return type(one) is type(other) and one.marks == other.marks and all(same_marks(*pair) for pair in pairs)


def test_it_is_parsed_once_and_again_when_a_place_is_asked_for(parsed: list[str]) -> None:
    data = TEXT.encode()
    first, second = read_large(data, "f"), read_large(data, "f")
    assert parsed == ["f"]
    assert identical(second.tree, first.tree)
    assert second.text == first.text
    place = nearest_place(second.tree, ("steps", "s7", "params", "deep", 1))
    assert place == nearest_place(first.tree, ("steps", "s7", "params", "deep", 1))
    assert item_place(second.tree["steps"]["s7"]["run"], 2).line == 11
    assert parsed == ["f", "f"]
    assert same_marks(first.tree, second.tree)


def test_a_copy_takes_the_marks_along() -> None:
    read_large(TEXT.encode(), "f")
    steps = read_large(TEXT.encode(), "f").tree["steps"]
    assert steps.without(["s0"]).marks["s1"][1] == 4


@given(TREES)
@law
def test_any_tree_is_kept_as_it_is(tree: dict[str, Any]) -> None:
    data = dump(tree).encode()
    first, second = read_large(data, "f"), read_large(data, "f")
    assert identical(second.tree, first.tree)
    assert same_marks(first.tree, second.tree)


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-9], lambda data: data.replace(b"s7", b"s8")])
def test_a_damaged_entry_is_made_anew(cache: Path, parsed: list[str], damage: Callable[[bytes], bytes]) -> None:
    data = TEXT.encode()
    tree = read_large(data, "f").tree
    (entry,) = cache.glob("tree-*.json")
    entry.write_bytes(damage(entry.read_bytes()))
    assert identical(read_large(data, "f").tree, tree)
    assert identical(read_large(data, "f").tree, tree)
    assert parsed == ["f", "f"]


@pytest.mark.parametrize("line", ["x-a: 1\nx-a: 2\n", "x-a: &a {b: 1}\nx-b: *a\n"])
def test_mistakes_and_shared_values_are_not_kept(parsed: list[str], line: str) -> None:
    data = (TEXT + line).encode()
    one, other = read_large(data, "f"), read_large(data, "f")
    assert parsed == ["f", "f"]
    assert list(map(str, one.errors)) == list(map(str, other.errors))


def test_where_nothing_can_be_kept_it_is_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert read_large(TEXT.encode(), "f").tree["project"] == "p"


def test_mistakes_are_told_at_the_same_places_the_second_time(write: Callable[..., Path], parsed: list[str]) -> None:
    text = text_of(1000) + "  bad: {rn: x, inputs: {a: steps.s}, timeout: soon}\n"
    assert len(text) > LARGE
    told = []
    for _ in range(2):
        with pytest.raises(ErrorGroup) as caught:
            load_spec(write(text), environ={})
        told.append([(str(error.where), error.what, error.fix) for error in caught.value.errors])
    assert told[0] == told[1]
    assert "mlops.yaml:1004:9" in [place for place, *_ in told[0]]
    assert len(parsed) == 2


def test_overlays_find_the_marks_of_what_was_kept(write: Callable[..., Path]) -> None:
    overlay = "environments: {prod: {steps: {s7: {params: {on: false}}}}}"
    path = write(f"{text_of(1000)}{overlay}\n")
    places = [str(load_spec(path, environment="prod", environ={}).place("steps.s7.params.on")) for _ in range(2)]
    assert places == [f"mlops.yaml:1004:{overlay.index('false') + 1}"] * 2


def test_only_the_newest_entries_stay(cache: Path) -> None:
    for number in range(kept._MOST + 3):
        kept.keep(kept.entry("tree", [], number), str(number).encode())
    assert len(list(cache.glob("tree-*.json"))) == kept._MOST
    assert kept.look_up(kept.entry("tree", [], kept._MOST + 2)) == str(kept._MOST + 2).encode()
