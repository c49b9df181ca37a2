"""A target's folder, shipped or a user's own: what its templates become."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelyard.errors import ModelyardError
from modelyard.targets.flow import block, flow
from modelyard.targets.templates import render_folder

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
    max_leaves=12,
)


def folder(path: Path, entries: str, **templates: str) -> Path:
    (path / "target.yaml").write_text(f"files:\n{entries}\n")
    for name, text in templates.items():
        (path / f"{name}.j2").write_text(text)
    return path


def test_an_entry_is_written_once_for_each_item(tmp_path: Path) -> None:
    made = folder(
        tmp_path, '  - {path: "{{ item.name }}.yaml", template: a.j2, each: things}', a="a: {{ item.n | flow }}\n"
    )
    files = render_folder("x", {"things": [{"name": "b", "n": 1}, {"name": "a", "n": "1"}]}, made)
    assert list(files.items()) == [("b.yaml", b"a: 1\n"), ("a.yaml", b'a: "1"\n')]
    assert render_folder("x", {"things": []}, made) == {}


def test_a_template_that_was_edited_is_read_anew(tmp_path: Path) -> None:
    import os

    made = folder(tmp_path, "  - {path: a, template: a.j2}", a="one")
    assert render_folder("x", {}, made) == {"a": b"one"}
    folder(tmp_path, "  - {path: b, template: a.j2}", a="two")
    for path in tmp_path.iterdir():
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))
    assert render_folder("x", {}, made) == {"b": b"two"}


@pytest.mark.parametrize("name", ["../x", "/etc/x"])
def test_no_item_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    made = folder(tmp_path, '  - {path: "{{ item }}", template: a.j2, each: things}', a="")
    with pytest.raises(ModelyardError, match="outside of the rendered folder"):
        render_folder("x", {"things": [name]}, made)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"name": "http", "port": 80}, "{name: http, port: 80}"), ("123e4567", '"123e4567"'), ("no", '"no"'),
        (["-m", "a.b"], '["-m", a.b]'), ("500m", '"500m"'), ({}, "{}"), (None, "null"), (True, "true"),
        ("a: b", '"a: b"'), ("modelyard.dev/project", "modelyard.dev/project"),
    ],
)  # fmt: skip
def test_quotes_stand_where_a_reader_needs_them(value: Any, text: str) -> None:
    assert flow(value) == text


@settings(max_examples=200, deadline=None)
@given(PLAIN)
@example("\ufffe\uffff")
def test_what_is_written_is_what_is_read(value: Any) -> None:
    assert yaml.safe_load(flow(value)) == value
    assert yaml.safe_load(block(value)) == value
