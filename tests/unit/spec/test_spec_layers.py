# ruff: noqa: E501 - tables of inputs read better in one line
"""`extends`, `environments`, `variables` and `${…}`."""

from pathlib import Path

import pytest

from modelyard.errors import ErrorGroup, Place
from modelyard.spec import load_spec

STEP = "steps:\n  a:\n    run: echo ${params.n}\n    params: {n: 1, m: 2}\n"


def test_an_environment_merges_maps_replaces_lists_and_removes_with_null(spec):
    text = STEP + (
        "    resources: {cpu: 2, gpu: 1}\n    timeout: 5m\n    outputs: {d: {type: files}}\n"
        "runtime: {packages: [a, b]}\n"
        "environments:\n  prod:\n    steps: {a: {resources: {gpu: 0}, timeout: null, params: {n: 5}}}\n"
        "    runtime: {packages: [c]}\n"
    )
    base, prod = spec(text).spec, spec(text, environment="prod").spec
    assert (base.steps["a"].resources.cpu, base.steps["a"].resources.gpu, base.steps["a"].timeout) == (2, 1, 300)
    assert (prod.steps["a"].resources.cpu, prod.steps["a"].resources.gpu, prod.steps["a"].timeout) == (2, 0, None)
    assert prod.steps["a"].params == {"n": 5, "m": 2}
    assert prod.runtime.packages == ("c",)


def test_marks_survive_the_overlay(spec):
    loaded = spec(STEP + "environments:\n  prod: {steps: {a: {params: {n: 5}}}}\n", environment="prod")
    assert loaded.place("steps.a.params.n") == Place("mlops.yaml", 8, 34, 35)
    assert loaded.place("steps.a.params.m") == Place("mlops.yaml", 6, 23, 24)


def test_without_an_environment_it_is_dev_on_the_local_target(spec):
    loaded = spec(STEP)
    assert loaded.environment == "dev"
    assert loaded.spec.target.name == "local"
    assert spec(STEP + "environments: {dev: {steps: {a: {params: {n: 9}}}}}").spec.steps["a"].params["n"] == 9


def test_another_target_replaces_the_one_beneath(spec):
    text = STEP + "target: {local: {parallelism: 2}}\nenvironments: {prod: {target: {compose: {}}}}"
    errors = ()
    try:
        name = spec(text, environment="prod").spec.target.name
    except ErrorGroup as group:  # while compose is not built, it is refused at its line
        errors = group.errors
        assert all("not supported yet" in error.what for error in errors)
    else:
        assert name == "compose"


def test_an_unknown_environment_is_guessed(mistakes):
    (error,) = mistakes("version: 1\nproject: p\nenvironments: {prod: {}}", environment="prd")
    assert "no environment `prd`" in error.what
    assert "did you mean `prod`?" in error.fix


def test_a_wrong_section_is_told_in_environments_that_are_not_chosen(mistakes):
    (error,) = mistakes("version: 1\nproject: p\nenvironments:\n  prod:\n    srving: {}\n")
    assert (error.address, error.where.line) == ("environments.prod.srving", 5)
    assert "did you mean `serving`?" in error.fix


def test_what_a_file_says_wins_over_what_it_extends(write):
    write("steps: {a: {run: echo a, timeout: 1m}, b: {run: echo b}}\nstore: .base", "base/one.yaml")
    write("extends: one.yaml\nsteps: {b: {timeout: 2m}}", "base/two.yaml")
    path = write("version: 1\nproject: p\nextends: [base/two.yaml]\nsteps: {a: {timeout: 3m}}\nstore: null\n")
    loaded = load_spec(path, environ={})
    assert loaded.spec.steps["a"].run == ("echo", "a")
    assert loaded.spec.steps["a"].timeout == 180
    assert loaded.spec.steps["b"].timeout == 120
    assert loaded.spec.store.path == ".modelyard/store"
    assert {file.name for file in loaded.files} == {"mlops.yaml", "one.yaml", "two.yaml"}
    assert loaded.place("steps.b.run").file == "base/one.yaml"


def test_an_error_in_a_file_below_is_told_with_its_name(write):
    write("steps: {a: {rnu: x}}", "base.yaml")
    with pytest.raises(ErrorGroup) as caught:
        load_spec(write("version: 1\nproject: p\nextends: base.yaml"), environ={})
    assert str(caught.value.errors[0].where) == "base.yaml:1:13"


def test_files_can_come_from_elsewhere_than_the_disk():
    tree = {"mlops.yaml": b"version: 1\nproject: p\nextends: b.yaml", "b.yaml": b"steps: {a: {run: echo}}"}

    def reader(path: Path) -> bytes:
        try:
            return tree[path.as_posix()]
        except KeyError:
            raise FileNotFoundError(path) from None

    assert load_spec(Path("mlops.yaml"), files=reader, environ={}).spec.steps["a"].run == ("echo",)


VARIABLES = "variables: {n: {type: int, default: 3}, s: {type: string}, f: {type: float, default: 1}, b: false}\n"


def test_a_whole_value_keeps_the_type_of_its_variable(spec):
    text = VARIABLES + STEP.replace("n: 1", 'n: "${var.n}", t: "${var.n}x", b: "${var.b}", l: "-${var.b}-"')
    params = spec(text).spec.steps["a"].params
    assert (params["n"], params["t"], params["b"], params["l"]) == (3, "3x", False, "-false-")


def test_values_come_from_the_caller_then_the_environment_then_the_default(spec):
    text = VARIABLES + STEP.replace("n: 1", 'n: "${var.n}"')
    assert spec(text, environ={"MODELYARD_VAR_n": "4"}).spec.steps["a"].params["n"] == 4
    assert spec(text, environ={"MODELYARD_VAR_N": "4"}, variables={"n": "5"}).spec.steps["a"].params["n"] == 5


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [("int", "7", 7), ("float", "1e-3", 0.001), ("bool", "true", True), ("string", "7", "7")],
)
def test_a_given_value_is_read_by_its_type(spec, kind, text, value):
    loaded = spec(
        f"variables: {{x: {{type: {kind}}}}}\n" + STEP.replace("n: 1", 'n: "${var.x}"'), variables={"x": text}
    )
    assert loaded.spec.steps["a"].params["n"] == value


@pytest.mark.parametrize(("kind", "text"), [("int", "7.5"), ("int", "x"), ("float", ".inf"), ("bool", "yes")])
def test_a_given_value_of_the_wrong_type_is_refused(mistakes, kind, text):
    found = mistakes(f"version: 1\nproject: p\nvariables: {{x: {{type: {kind}}}}}\n", variables={"x": text})
    assert found[0].code == "variable-type"
    assert text in found[0].what


def test_a_variable_without_a_value_is_told_where_it_is_used(mistakes):
    (error,) = mistakes("version: 1\nproject: p\nvariables: {v: {type: string}}\nstore: /x/${var.v}")
    assert (error.where.line, error.where.column, error.where.end_column) == (4, 11, 19)
    assert "--var v=" in error.fix


@pytest.mark.parametrize(
    ("reference", "what", "fix"),
    [
        ("${vra.x}", "unknown reference `${vra.x}`", "did you mean `var`?"),
        ("${var.nn}", "no variable `nn`", "did you mean `n`?"),
        ("${HOME}", "unknown reference", "did you mean `${env.HOME}`?"),
        ("${n}", "unknown reference", "did you mean `${var.n}`?"),
        ("${env.NOPE}", "`NOPE` is not set", "set NOPE"),
        ("${secret.X}", "a secret cannot stand here", "env, auth, URLs"),
        ("${params.k}", "`k` is not among the params", "Its params: m, n"),
        ("${inputs.k}", "`k` is not among the inputs", "name it under `inputs`"),
        ("${item}", "`${item}` without `foreach`", "add `foreach`"),
        ("${var.n", "`${` without `}`", "close it"),
    ],
)
def test_a_wrong_reference_says_what_there_is(mistakes, reference, what, fix):
    text = f"version: 1\nproject: p\nvariables: {{n: 1}}\nsteps:\n  a:\n    run: echo x{reference} y\n    params: {{n: 1, m: 2}}\n"
    (error,) = mistakes(text)
    assert what in error.what
    assert fix in error.fix
    assert (error.where.line, error.where.column) == (6, 16)


def test_what_only_the_step_knows_stays_as_written(spec):
    loaded = spec(
        "steps: {a: {run: 'x ${outputs.d} ${params.n}', params: {n: 1}, outputs: [d], env: {K: '${secret.K}'}}}"
    )
    assert loaded.spec.steps["a"].run == ("x", "${outputs.d}", "${params.n}")
    assert loaded.spec.steps["a"].env == {"K": "${secret.K}"}


def test_two_dollars_are_plain_text_and_stay_where_someone_else_fills_in(spec):
    loaded = spec("steps: {a: {run: 'sh -c $${HOME} $${params.n}', params: {n: 1}}}")
    assert loaded.spec.steps["a"].run == ("sh", "-c", "${HOME}", "$${params.n}")


def test_a_reference_may_be_written_with_an_escape(spec):
    loaded = spec('variables: {n: 1}\nsteps: {a: {run: [echo, "\\x24{var.n}"]}}')
    assert loaded.spec.steps["a"].run == ("echo", "1")


def test_a_value_cannot_smuggle_in_a_reference(spec):
    text = "variables: {v: {type: string}}\nsteps: {a: {run: 'echo x', env: {K: '${var.v}', L: 'a${env.E}'}}}"
    loaded = spec(text, variables={"v": "${secret.K}"}, environ={"E": "${secret.L}"})
    assert loaded.spec.steps["a"].env == {"K": "$${secret.K}", "L": "a$${secret.L}"}


def test_secrets_may_stand_in_urls_and_auth(spec):
    loaded = spec("notifications: {o: {url: '${secret.U}'}}\nstate: 'sqlite:///${secret.P}'")
    assert loaded.spec.notifications["o"].url == ("${secret.U}",)


def test_the_users_own_keys_are_left_alone(spec):
    loaded = spec("x-note: {a: '${anything}'}\n" + STEP + "    x-owner: ana\n")
    assert loaded.tree["x-note"] == {"a": "${anything}"}
    assert loaded.place("x-note").line == 3


def test_a_place_can_be_a_word_inside_of_a_value(spec):
    loaded = spec(STEP)
    assert loaded.place("steps.a.run", within="params.n") == Place("mlops.yaml", 5, 17, 25)
