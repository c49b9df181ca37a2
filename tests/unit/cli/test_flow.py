"""A project through its commands, as a person types them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SPEC = """\
version: 1
project: small
variables:
  word: {type: string, default: hello, description: What to write}
steps:
  write:
    run: python write.py ${outputs.out} ${var.word}
    outputs: {out: {type: files}}
  count:
    run: python count.py ${inputs.text} ${outputs.out}
    inputs: {text: steps.write:out}
    outputs: {out: {type: files}}
"""
WRITE = "import sys, pathlib\npathlib.Path(sys.argv[1], 'a.txt').write_text(sys.argv[2])\n"
COUNT = (
    "import sys, pathlib\n"
    "text = pathlib.Path(sys.argv[1], 'a.txt').read_text()\n"
    "pathlib.Path(sys.argv[2], 'n.txt').write_text(str(len(text)))\n"
)

Modelyard = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "mlops.yaml").write_text(SPEC)
    (tmp_path / "write.py").write_text(WRITE)
    (tmp_path / "count.py").write_text(COUNT)
    return tmp_path


@pytest.fixture
def modelyard(project: Path) -> Modelyard:
    def call(*arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        argv = [sys.executable, "-m", "modelyard", *arguments]
        done = subprocess.run(argv, cwd=project, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return call


def actions(modelyard: Modelyard) -> dict[str, str]:
    plan = json.loads(modelyard("plan", "--format", "json").stdout)
    return {change["address"]: change["action"] for change in plan["changes"]}


def test_plan_after_apply_is_empty(modelyard: Modelyard) -> None:
    modelyard("plan", "--detailed-exitcode", code=2)
    modelyard("apply", "--auto-approve")
    assert modelyard("plan", "--detailed-exitcode").stdout
    assert modelyard("show", "steps.count:out", "--get", "n.txt").stdout == "5"


def test_plan_writes_nothing(modelyard: Modelyard, project: Path) -> None:
    before = sorted(path for path in project.rglob("*") if ".modelyard/cache" not in path.as_posix())
    modelyard("plan")
    after = sorted(path for path in project.rglob("*") if ".modelyard/cache" not in path.as_posix())
    assert [path for path in after if path not in before] in ([], [project / ".modelyard"])


def test_code_change_names_the_file_and_equal_output_cuts_off(modelyard: Modelyard, project: Path) -> None:
    modelyard("apply", "--auto-approve")
    (project / "write.py").write_text("# the same, said differently\n" + WRITE)
    assert "write.py" in modelyard("plan").stdout
    report = modelyard("apply", "--auto-approve", "-v").stderr
    assert "✓ steps.write" in report
    assert "= steps.count" in report


def test_going_back_restores_the_earlier_result(modelyard: Modelyard) -> None:
    modelyard("apply", "--auto-approve")
    modelyard("apply", "--auto-approve", "--var", "word=bye")
    assert actions(modelyard)["steps.write"] == "restore"
    modelyard("apply", "--auto-approve")
    assert modelyard("show", "steps.count:out", "--get", "n.txt").stdout == "5"


def test_saved_plan_is_refused_once_the_state_moved(modelyard: Modelyard) -> None:
    modelyard("plan", "-o", "plan.json")
    modelyard("apply", "plan.json")
    assert "plan" in modelyard("apply", "plan.json", code=1).stderr


def test_failure_shows_the_log_and_what_was_kept(modelyard: Modelyard, project: Path) -> None:
    (project / "count.py").write_text("raise SystemExit('no numbers today')\n")
    said = modelyard("apply", "--auto-approve", code=1).stderr
    assert "no numbers today" in said
    assert "goes on from there" in said
    assert "no numbers today" in modelyard("logs", "steps.count").stdout
    (project / "count.py").write_text(COUNT)
    assert actions(modelyard)["steps.write"] == "no-op"


def test_unknown_address_says_what_was_meant(modelyard: Modelyard) -> None:
    assert "steps.write" in modelyard("show", "steps.wrote", code=1).stderr


def test_journal_is_whole_after_work(modelyard: Modelyard) -> None:
    modelyard("apply", "--auto-approve")
    assert "whole" in modelyard("audit", "verify").stdout


def test_apply_asks_and_refuses_where_nobody_answers(modelyard: Modelyard) -> None:
    assert "--auto-approve" in modelyard("apply", code=1).stderr
    assert modelyard("status").stdout.count("not applied") == 2


def test_destroy_forgets_and_the_next_apply_restores(modelyard: Modelyard) -> None:
    modelyard("apply", "--auto-approve")
    modelyard("destroy", "--auto-approve")
    assert set(actions(modelyard).values()) == {"restore"}


@pytest.mark.parametrize("form", ["text", "json", "mermaid", "dot", "svg"])
def test_graph_in_every_format(modelyard: Modelyard, form: str) -> None:
    assert "steps.count" in modelyard("graph", "--format", form).stdout


def test_markdown_plan_fits_a_pull_request(modelyard: Modelyard) -> None:
    text = modelyard("plan", "--format", "markdown").stdout
    assert "steps.write" in text
    assert len(text) < 65_536
    assert text.endswith("The same plan: `modelyard plan`\n")


def test_markdown_plan_ends_with_the_command_that_makes_it(modelyard: Modelyard) -> None:
    options = ("--var", "word=good day", "--select", "+steps.*")
    text = modelyard("plan", *options, "--format", "markdown").stdout
    assert text.endswith("The same plan: `modelyard plan '--var=word=good day' '--select=+steps.*'`\n")


def test_sarif_names_the_line(modelyard: Modelyard, project: Path) -> None:
    (project / "mlops.yaml").write_text(SPEC.replace("run: python count.py", "runs: python count.py"))
    log = json.loads(modelyard("validate", "--format", "sarif", code=1).stdout)
    region = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region["startLine"] == 10


def test_a_remote_store_that_comes_later_gets_what_is_there(modelyard: Modelyard, project: Path) -> None:
    modelyard("apply", "--auto-approve")
    with (project / "mlops.yaml").open("a") as spec:
        spec.write(f"store: {{remote: 'file://{project}/shared'}}\n")
    done = modelyard("apply", "--auto-approve")
    assert "Nothing to do" in done.stderr
    assert "2 earlier results sent" in done.stderr
    (project / ".modelyard").rename(project / "of another machine")
    assert actions(modelyard) == {"steps.write": "restore", "steps.count": "restore"}
