# ruff: noqa: E501 - tables of inputs read better in one line
from modelyard.errors import Place
from modelyard.spec.reader import read
from modelyard.spec.tree import item_place, key_place, nearest_place, value_place


def tree(text: str):
    document = read(text.encode(), "mlops.yaml")
    assert document.errors == []
    return document.tree


def test_scalars_follow_yaml_1_2_core():
    text = "a: yes\nb: on\nc: 012\nd: 0o17\ne: 0x1F\nf: ~\ng:\nh: 1_000\ni: +.5\nj: -1.5e-3\nk: 2020-01-01\nl: '1'\nm: True"
    assert tree(text) == {
        "a": "yes", "b": "on", "c": 12, "d": 15, "e": 31, "f": None, "g": None, "h": "1_000", "i": 0.5, "j": -0.0015,
        "k": "2020-01-01", "l": "1", "m": True,
    }  # fmt: skip


def test_a_float_stays_a_float():
    assert isinstance(tree("a: 1.0")["a"], float)
    assert isinstance(tree("a: 1")["a"], int)


def test_marks_count_characters_not_bytes():
    found = tree("é: 1\na: [😀, {b: ü}]\n")
    assert value_place(found, "é") == Place("mlops.yaml", 1, 4, 5)
    assert item_place(found["a"], 0) == Place("mlops.yaml", 2, 5, 6)
    assert value_place(found["a"][1], "b") == Place("mlops.yaml", 2, 12, 13)


def test_a_block_is_marked_at_its_key():
    found = tree("training:\n  t:\n    params: {a: 1}\n")
    assert value_place(found, "training") == key_place(found, "training") == Place("mlops.yaml", 1, 1, 9)


def test_what_is_not_written_is_marked_at_what_is_above_it():
    found = tree("training:\n  t:\n    data: x\n")
    assert nearest_place(found, ("training", "t", "engine", "more")) == Place("mlops.yaml", 2, 3, 4)


def test_aliases_share_what_they_name():
    assert tree("a: &x {b: 1}\nc: *x\nd: [*x, *x]") == {"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}, {"b": 1}]}


def test_a_byte_order_mark_is_no_part_of_the_first_key():
    assert key_place(tree("\ufeffa: 1"), "a") == Place("mlops.yaml", 1, 1, 2)


def test_block_texts_and_one_document_with_markers():
    assert tree("---\na: |\n  x\n  y\nb: >-\n  c\n  d\n...\n") == {"a": "x\ny\n", "b": "c d"}


def test_an_empty_map_and_an_empty_list_stay_what_they_are():
    assert tree("a: {}\nb: []") == {"a": {}, "b": []}
