# ruff: noqa: E501 - tables of inputs read better in one line
"""Laws of the spec's text: what is dumped is read back, edits change one thing, and no input reaches a traceback."""

import contextlib
import os
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelyard.errors import ErrorGroup, ModelyardError
from modelyard.spec import load_spec
from modelyard.spec.edit import fmt, set_value
from modelyard.spec.emit import dump
from modelyard.spec.reader import read
from modelyard.spec.report import report_json, report_sarif, report_text
from modelyard.spec.tree import Map, Seq

law = settings(deadline=None, max_examples=int(os.environ.get("SPEC_EXAMPLES", "60")))

TRICKY = ["yes", "on", "~", "null", "0o17", "1e3", "- a", "a: b", "a #b", "", " ", "---", "{", "é😀", "2020-01-01", "1:30", "=", "\x85", "\u2028", "\ufeff", "\x7f", "\n", "'", '"', "\\", "<<", "*a", "&a", "!t", "%", "@", "`", "0x1f", ".5", "-", "?", ":", "a:", "1_000", "${var.x}", "x\n\ny "]  # fmt: skip
TEXT = st.sampled_from(TRICKY) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
KEYS = TEXT.filter(lambda key: key not in ("", "<<"))
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
DATA = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)
TREES = st.dictionaries(KEYS, DATA, min_size=1, max_size=5)


def identical(one: Any, other: Any) -> bool:
    """Equal in type, value and order."""
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one) == list(other) and all(identical(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(identical, one, other))
    return type(one) is type(other) and one == other


@given(TREES)
@law
def test_what_is_dumped_is_read_back(tree):
    assert identical(read(dump(tree).encode(), "f").tree, tree)


@given(TREES)
@law
def test_a_yaml_1_1_reader_reads_the_same(tree):
    assert identical(yaml.safe_load(dump(tree)), tree)


@given(TREES)
@law
def test_what_another_writer_wrote_is_read_the_same(tree):
    for style in (True, False, None):
        text = yaml.dump(tree, Dumper=yaml.CSafeDumper, default_flow_style=style, allow_unicode=True, sort_keys=False)
        with contextlib.suppress(ModelyardError):  # a 1.1 writer leaves plain what 1.2 reads otherwise, such as 1e3
            assert list(read(text.encode(), "f").tree) == list(tree)


@given(TREES)
@law
def test_every_value_and_key_has_a_mark_that_leads_to_it(tree):
    def check(node: Any) -> None:
        if isinstance(node, Map):
            assert list(node.marks) == list(node)
        if isinstance(node, Seq):
            assert len(node.marks) == len(node)
        for child in node.values() if isinstance(node, Map) else node if isinstance(node, Seq) else ():
            check(child)

    check(read(dump(tree).encode(), "f").tree)


YAML_LIKE = st.text(st.sampled_from("ab:-?[]{},#&*!|>'\"%@ \n\n\t01.~<=$x"), max_size=60)


@given(YAML_LIKE)
@law
def test_fmt_is_idempotent_and_changes_no_value(text):
    try:
        before = read(text.encode(), "f").tree
    except ModelyardError:
        return
    once = fmt(text)
    assert identical(read(once.encode(), "f").tree, before) or sorted(read(once.encode(), "f").tree) == sorted(before)
    assert read(once.encode(), "f").tree == before
    assert fmt(once) == once


@given(TREES, st.data())
@law
def test_set_value_changes_one_value(tree, data):
    names = [key for key in tree if key.isalnum() and key.isascii()]
    key = data.draw(st.sampled_from([*names, "new"]))
    value = data.draw(DATA)
    assert identical(read(set_value(dump(tree), key, value).encode(), "f").tree, {**tree, key: value})


SECTIONS = ["version", "project", "steps", "sources", "training", "tuning", "registry", "serving", "environments",
            "extends", "variables", "target", "features", "expectations", "monitoring", "policies", "store", "x-a"]  # fmt: skip
WORDS = st.sampled_from(["${var.x}", "${secret.A}", "${inputs.p}", "${item}", "$${", "${", "steps.a:b", "run", "call", "type", "data", "from", "local", "dev"])  # fmt: skip
NAMES = st.sampled_from(["a", "run", "call", "data", "inputs", "params", "env", "type", "path", "split", "default", "outputs", "foreach", "model", "gate", "engine", "target"])  # fmt: skip
LOOSE = st.recursive(
    PLAIN | WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
SPECS = st.dictionaries(st.sampled_from(SECTIONS), LOOSE, max_size=6).map(
    lambda tree: {"version": 1, "project": "p", **tree}
)


def load(folder: Path, data: bytes) -> None:
    """Load and, where there are mistakes, report them in every form."""
    path = folder / "mlops.yaml"
    try:
        load_spec(path, files=lambda wanted: data if wanted == path else b"x-a: 1", environ={})
    except ErrorGroup as group:
        assert group.errors
        assert report_text(group).endswith("(environment dev)\n")
        assert len(report_json(group)["errors"]) == len(group.errors)
        assert len(report_sarif(group, tool_version="0")["runs"][0]["results"]) == len(group.errors)


@given(st.binary(max_size=200))
@law
def test_no_bytes_reach_a_traceback(data):
    load(Path("/p"), data)


@given(YAML_LIKE)
@law
def test_no_text_reaches_a_traceback(text):
    load(Path("/p"), text.encode())


@given(SPECS)
@example({"version": 1, "project": "p", "steps": [["${inputs}"]]})
@law
def test_no_tree_reaches_a_traceback(tree):
    load(Path("/p"), dump(tree).encode())


SLUG = st.from_regex(r"[a-w][a-z0-9_-]{0,6}", fullmatch=True)
SAFE = st.text(st.sampled_from("abcXYZ012 _.:#-'é"), min_size=1, max_size=10)
DURATION = st.builds("{}{}".format, st.integers(1, 99), st.sampled_from(["ms", "s", "m", "h", "d"])) | st.integers(
    1, 99
)
STEP = st.fixed_dictionaries(
    {"run": st.lists(SAFE, min_size=1, max_size=3).map(lambda words: ["echo", *words])},
    optional={
        "params": st.dictionaries(
            SLUG, st.booleans() | st.integers() | SAFE | st.lists(st.integers(), max_size=2), max_size=3
        ),
        "env": st.dictionaries(st.sampled_from(["A", "B"]), SAFE | st.integers() | st.just("${secret.S}"), max_size=2),
        "outputs": st.dictionaries(SLUG, st.sampled_from(["files", {"type": "table"}]), max_size=2)
        | st.lists(SLUG, unique=True, max_size=2),
        "retries": st.integers(0, 5) | st.fixed_dictionaries({"times": st.integers(0, 5), "backoff": DURATION}),
        "timeout": DURATION,
        "resources": st.fixed_dictionaries(
            {}, optional={"cpu": st.sampled_from(["500m", 2, 0.5]), "memory": st.sampled_from(["512Mi", "4Gi", 1000])}
        ),
    },
)
VALID = st.fixed_dictionaries(
    {"version": st.just(1), "project": SLUG, "steps": st.dictionaries(SLUG, STEP, max_size=4)},
    optional={
        "tracking": st.sampled_from(["sqlite:///x.db", {"mirrors": ["tensorboard"]}]),
        "target": st.just("local"),
    },
)


def loaded(text: str) -> Any:
    return load_spec(Path("/p/mlops.yaml"), files=lambda _: text.encode(), environ={})


@given(VALID)
@law
def test_a_loaded_spec_dumped_and_loaded_again_is_the_same(tree):
    first = loaded(dump(tree)).spec
    assert first.plain() == first.model_dump(mode="json", by_alias=True, exclude_none=True)
    text = dump(first.model_dump(mode="json", by_alias=True, exclude_none=True))
    assert loaded(text).spec == first
    assert dump(loaded(text).spec.model_dump(mode="json", by_alias=True, exclude_none=True)) == text


@given(VALID, st.randoms())
@law
def test_the_order_of_keys_means_nothing(tree, random):
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = list(value)
            random.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}
        return value

    assert loaded(dump(shuffled(tree))).spec == loaded(dump(tree)).spec
