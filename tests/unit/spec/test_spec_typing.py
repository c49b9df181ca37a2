# ruff: noqa: E501 - tables of inputs read better in one line
"""pydantic's findings in our words, each at its place, one a mistake."""

import pytest


@pytest.mark.parametrize(
    ("text", "place", "address", "what", "fix"),
    [
        ("training:\n  t: {data: sources.s, enigne: x}", "4:24", "training.t.enigne", "unknown key", "did you mean `engine`?"),
        ("sorces: {}", "3:1", "sorces", "unknown key", "did you mean `sources`?"),
        ("steps: {a: 5}", "3:12", "steps.a", "must be a map, not `5`", "Keys here: call, env"),
        ("steps:\n  a:\n", "4:3", "steps.a", "must be a map, not nothing", "Keys here: call, env"),
        ("steps: {Big: {run: x}}", "3:9", "steps.Big", "`Big` cannot be a name", "lower case"),
        ("sources: {s: {type: tabel}}", "3:21", "sources.s.type", "`tabel` is not known here", "did you mean `table`?"),
        ("sources: {s: {}}", "3:14", "sources.s", "`type` is missing", "add `type`"),
        ("serving: {a: {model: registry.r, port: x}}", "3:40", "serving.a.port", "must be a whole number, not `x`", "port"),
        ("steps: {a: {run: x, timeout: soon}}", "3:30", "steps.a.timeout", "not a duration", ""),
        ("tuning: {t: {training: training.t, space: {a: {from: x, to: 1}}}}", "3:54", "tuning.t.space.a.from",
         "must be a number, not `x`", "smallest"),
        ("sources: {s: {type: table, split: {train: 120%}}}", "3:43", "sources.s.split.train", "not a share", ""),
        ("registry: {r: {from: training.t, promote: {production: atuo}}}", "3:56", "registry.r.promote.production",
         "`atuo` is not known here", "did you mean `auto`? Allowed: auto, or a map"),
        ("registry: {r: {from: training.t, promote: {production: {aprovals: 1}}}}", "3:57",
         "registry.r.promote.production.aprovals", "unknown key", "did you mean `approvals`?"),
        ("training: {t: {data: sources.s, engine: sklearn, target: {a: 1, b: 2}}}", "3:58", "training.t.target",
         "this map is not one that can stand here", "name with an SQL expression"),
        ("steps: {a: {run: x, foreach: {a: 1}}}", "3:30", "steps.a.foreach", "must be a list or text, not a map", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_told_once_at_its_place(mistakes, text, place, address, what, fix):
    found = mistakes("version: 1\nproject: p\n" + text)
    error = next(error for error in found if error.address == address)
    assert [other.what for other in found if other.address == address] == [error.what]
    assert str(error.where) == f"mlops.yaml:{place}"
    assert what in error.what
    assert fix in (error.fix or "")


def test_what_the_whole_file_lacks_is_told_at_its_first_line(mistakes):
    found = mistakes("x-a: 1")
    assert [(error.what, str(error.where)) for error in found] == [
        ("`version` is missing", "mlops.yaml:1:1"),
        ("`project` is missing", "mlops.yaml:1:1"),
    ]


@pytest.mark.parametrize(
    ("version", "shown"), [("true", "`true`"), ("1.0", "`1.0`"), ("'1'", "the text `1`"), ("2", "`2`")]
)
def test_only_the_number_one_is_version_one(mistakes, version, shown):
    found = mistakes(f"project: p\nversion: {version}")
    assert [(error.what, str(error.where)) for error in found] == [(f"must be `1`, not {shown}", "mlops.yaml:2:10")]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("steps: {a: {run: x, outputs: {o: {type: files}}, resources: {gpu: true}}}", "a whole number"),
        ("steps: {a: {run: x, outputs: {o: {type: files}}, retries: {times: true}}}", "a whole number"),
        ("pipeline: {budget: {gpu_hours: true}}", "a number"),
        ("serving: {s: {model: registry.m, replicas: {requests_per_second: true}}}", "a number"),
    ],
)
def test_true_is_no_number(mistakes, text, kind):
    assert f"must be {kind}, not `true`" in [error.what for error in mistakes(f"version: 1\nproject: p\n{text}")]


def test_a_mistake_in_what_an_alias_shares_is_told_once(mistakes):
    found = mistakes("version: 1\nproject: p\nx-s: &s {run: x, tmeout: 1}\nsteps: {a: *s, b: *s}")
    assert [(error.what, str(error.where)) for error in found] == [("unknown key", "mlops.yaml:3:18")]


def test_no_pydantic_word_reaches_a_person(mistakes):
    text = "steps: {a: {run: x, retries: {times: z}, env: {A: [1]}, outputs: {d: {type: 1}}}}\nserving: {s: {replicas: {min: -1}}}"
    for error in mistakes("version: 1\nproject: p\n" + text):
        said = f"{error.what} {error.fix}".lower()
        assert not any(
            word in said for word in ("input should", "pydantic", "basemodel", "dictionary", "literal", "instance")
        )
