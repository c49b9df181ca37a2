import pytest

from modelyard.errors import ModelyardError
from modelyard.spec.edit import fmt, set_value

MESSY = """\
# what this is for

# the project
project:   x
version: 1
serving:
    # how it is served
    api:
        model: registry.x   # followed live
        port: 8080


        # the end
training:
      t:
          params: {a: 1,
             b: 2,   # inside
             c: 3}
          env:
              A: |
                 text
                    more

                 end
          columns:
          -   a
          -   b: 1
              c: 2
          - - x
            -   y
# belongs to steps
steps:
  s:
     run: "a
       b"
     outputs:
     # odd

     - dir    # why

"""

NEAT = """\
# what this is for

version: 1
# the project
project:   x
# belongs to steps
steps:
  s:
    run: "a
      b"
    outputs:
      # odd

      - dir    # why

training:
  t:
    params: {a: 1,
       b: 2,   # inside
       c: 3}
    env:
      A: |
         text
            more

         end
    columns:
      - a
      - b: 1
        c: 2
      - - x
        - y
serving:
  # how it is served
  api:
    model: registry.x   # followed live
    port: 8080

    # the end
"""


def test_fmt_orders_sections_and_indents_by_two():
    assert fmt(MESSY) == NEAT


def test_fmt_again_changes_nothing():
    assert fmt(NEAT) == NEAT


def test_fmt_leaves_a_section_before_the_one_that_uses_its_anchor():
    text = "training: {t: &t {a: 1}}\nsteps: {s: *t}\n"
    assert fmt(text) == text


@pytest.mark.parametrize("text", ["{version: 1, project: p}\n", "? version\n: 1\n", "# only\n\nversion: 1\n"])
def test_fmt_leaves_what_it_does_not_move(text):
    assert fmt(text) == text


def test_fmt_keeps_blanks_that_mean_something():
    text = 'version: 1\nx-a: |\n  one  \n\n\n  two\nx-b: "a  \n\n\n  b"\n'
    assert fmt(text) == text


def test_fmt_ends_lines_with_newlines_alone():
    assert fmt("version: 1  \r\nproject: p\r\n\r\n\r\n") == "version: 1\nproject: p\n"


def test_fmt_refuses_what_is_no_yaml():
    with pytest.raises(ModelyardError):
        fmt("a: [")


SPEC = """\
version: 1   # the language
training:
  t:
    data: sources.a   # data
    params: {lr: 0.1, names: [a, "b"]}   # params
    model: 'it''s'
    note: |
      long
      text
    empty:
    columns:
      - a
      - b: 1
  # end of training
steps: {}
"""


@pytest.mark.parametrize(
    ("address", "value", "before", "after"),
    [
        ("training.t.data", "sources.b", "sources.a   # data", "sources.b   # data"),
        ("training.t.params.lr", 0.02, "lr: 0.1", "lr: 0.02"),
        ("training.t.params.names[1]", "c: d", '"b"', '"c: d"'),
        ("training.t.params.names[2]", "yes", '"b"]', '"b", "yes"]'),
        ("training.t.params.seed", 7, '"b"]}', '"b"], seed: 7}'),
        ("training.t.model", "he's", "'it''s'", "'he''s'"),
        ("training.t.note", "short", "|\n      long\n      text", "short"),
        ("training.t.empty", "no", "empty:", 'empty: "no"'),
        ("training.t.empty.a.b", 1, "empty:", "empty:\n      a: {b: 1}"),
        ("training.t.columns", ["x"], "columns:\n      - a\n      - b: 1", "columns: [x]"),
        ("training.t.columns[0]", None, "- a", "- null"),
        ("training.t.columns[2]", "z", "      - b: 1\n", "      - b: 1\n      - z\n"),
        ("training.t.columns[1].b", {"c": 1}, "b: 1", "b: {c: 1}"),
        ("training.t.seed", 3, "      - b: 1\n", "      - b: 1\n    seed: 3\n"),
        ("steps.a.run", "echo ${params.n}", "steps: {}", 'steps: {a: {run: "echo ${params.n}"}}'),
        ("serving.api", {"model": "registry.x", "port": 1}, "steps: {}\n",
         "steps: {}\nserving:\n  api: {model: registry.x, port: 1}\n"),
    ],
)  # fmt: skip
def test_set_value_changes_that_value_and_nothing_else(address, value, before, after):
    assert SPEC.count(before) == 1
    assert set_value(SPEC, address, value) == SPEC.replace(before, after)


@pytest.mark.parametrize("address", ["version.x", "training.t.columns[9]", "training.t.data[0]", ""])
def test_set_value_refuses_what_is_no_place(address):
    with pytest.raises(ModelyardError):
        set_value(SPEC, address, 1)


def test_set_value_does_not_change_what_an_alias_shares():
    with pytest.raises(ModelyardError, match="alias"):
        set_value("x-a: &a {b: 1}\nsteps: {s: *a}\n", "steps.s.b", 2)
    assert set_value("x-a: &a {b: 1}\nsteps: {s: *a}\n", "steps.s", 2) == "x-a: &a {b: 1}\nsteps: {s: 2}\n"
