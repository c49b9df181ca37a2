# ruff: noqa: E501 - tables of inputs read better in one line
import json
from pathlib import Path

import pytest

from modelyard.errors import ErrorGroup, ModelyardError, Place
from modelyard.spec import load_spec
from modelyard.spec.report import report_json, report_sarif, report_text


@pytest.fixture
def error(write) -> ErrorGroup:
    with pytest.raises(ErrorGroup) as caught:
        load_spec(write("version: 1\nproject: p\nsteps:\n  a:\n    run: é x\n    tmeout: 1s\n"), environ={})
    return caught.value


def test_a_report_shows_the_line_the_one_above_and_a_caret(error):
    assert report_text(error) == (
        "mlops.yaml:6:5  steps.a.tmeout  unknown key\n"
        "    5 |     run: é x\n"
        "    6 |     tmeout: 1s\n"
        "      |     ^^^^^^ did you mean `timeout`? Keys here: call, env, foreach, inputs, join, outputs, params, resources, …\n"
        "1 error in mlops.yaml (environment dev)\n"
    )


def test_the_json_report_has_a_documented_shape(error):
    data = json.loads(json.dumps(report_json(error)))
    (found,) = data.pop("errors")
    assert data == {"version": 1, "file": "mlops.yaml", "environment": "dev", "valid": False}
    assert {key: found[key] for key in ("code", "what", "address", "file", "line", "column", "end_column")} == {
        "code": "unknown-key", "what": "unknown key", "address": "steps.a.tmeout", "file": "mlops.yaml", "line": 6,
        "column": 5, "end_column": 11,
    }  # fmt: skip


def test_sarif_points_at_the_same_place(error):
    log = report_sarif(error, tool_version="1.2.3")
    (run,) = log["runs"]
    (result,) = run["results"]
    location = result["locations"][0]["physicalLocation"]
    assert log["version"] == "2.1.0"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "unknown-key"
    assert location["artifactLocation"]["uri"] == "mlops.yaml"
    assert location["region"] == {"startLine": 6, "startColumn": 5, "endColumn": 11}
    assert report_sarif(None, tool_version="1.2.3")["runs"][0]["results"] == []


def test_wide_characters_and_tabs_do_not_shift_the_caret():
    error = ErrorGroup([ModelyardError("x", where=Place("f", 1, 5, 6))])
    error.sources = {"f": "你\t: [a]"}  # type: ignore[attr-defined]
    lines = report_text(error).splitlines()
    assert lines[1] == "    1 | 你\t: [a]"
    assert lines[2] == "      |   \t  ^"


def test_a_very_long_line_is_cut_around_the_mistake():
    text = "a: [" + "x, " * 5000 + "BAD, " + "y, " * 5000 + "]"
    column = text.index("BAD") + 1
    error = ErrorGroup([ModelyardError("x", where=Place("f", 1, column, column + 3), fix="mend it")])
    error.sources = {"f": text}  # type: ignore[attr-defined]
    _, source, caret, _ = report_text(error).splitlines()
    assert len(source) < 200
    assert source[caret.index("^") :].startswith("BAD")


def test_a_files_text_cannot_steer_the_terminal():
    error = ErrorGroup([ModelyardError("`\x1b[31m`", where=Place("f", 1, 1, 2), address="a\x1b", fix="\x07")])
    error.sources = {"f": "\x1b]0;title\x07: 1"}  # type: ignore[attr-defined]
    assert "\x1b" not in report_text(error)
    assert "\x07" not in report_text(error)


def test_errors_without_a_place_and_files_on_disk(tmp_path: Path):
    (tmp_path / "prepare.py").write_text("import x\ndef f(): pass\n")
    error = ErrorGroup([ModelyardError("no", fix="do"), ModelyardError("bad", where=Place("prepare.py", 2, 5, 6))])
    assert report_text(error, root=tmp_path) == (
        "no\n  do\nprepare.py:2:5  bad\n    1 | import x\n    2 | def f(): pass\n      |     ^\n2 errors\n"
    )
    assert "gone.py:9:1  bad\n1 error" in report_text(
        ModelyardError("bad", where=Place("gone.py", 9, 1)), root=tmp_path
    )


def test_one_mistake_alone_reads_the_same():
    assert report_text(ModelyardError("no", fix="do", details=["log line"])) == "no\n  do\n      log line\n1 error\n"
