"""What the command line costs before it does anything, and what it says to a newcomer."""

import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.cli.group import COMMANDS

ML = {"torch", "ultralytics", "mlflow", "sklearn", "pandas", "pyarrow", "duckdb", "great_expectations", "evidently",
      "onnxruntime", "optuna", "sqlalchemy", "numpy"}  # fmt: skip
SPEC = """\
version: 1
project: small
steps:
  hello:
    run: python -c "print('hello')"
    outputs: {out: {type: files}}
"""


def imported(*arguments: str, cwd: Path | None = None) -> set[str]:
    """Modules that a command line loads, with their packages."""
    code = (
        "import sys, atexit\n"
        "sys.argv = ['modelyard', *sys.argv[1:]]\n"
        "atexit.register(lambda: open('modules.txt', 'w').write(' '.join(sys.modules)))\n"
        "from modelyard.cli import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set((cwd or Path()).joinpath("modules.txt").read_text().split())


@pytest.mark.parametrize("arguments", [("--help",), ("version",), ("--version",)])
def test_help_and_version_import_neither_pydantic_nor_ml(arguments: tuple[str, ...], tmp_path: Path) -> None:
    modules = imported(*arguments, cwd=tmp_path)
    assert "modelyard" in modules
    assert not modules & (ML | {"pydantic", "yaml", "rich"})


@pytest.mark.parametrize("verb", ["validate", "plan", "render", "graph", "status"])
def test_daily_commands_import_no_ml(verb: str, tmp_path: Path) -> None:
    (tmp_path / "mlops.yaml").write_text(SPEC)
    assert not imported(verb, cwd=tmp_path) & ML


def test_a_plan_imports_nothing_of_what_carries_it_out(tmp_path: Path) -> None:
    (tmp_path / "mlops.yaml").write_text(SPEC)
    imported("plan", cwd=tmp_path)
    modules = imported("plan", cwd=tmp_path)
    assert "modelyard.plan.builder" in modules
    assert not modules & {"modelyard.apply.driver", "modelyard.targets", "pydantic", "pydantic_core.core_schema"}
    assert not modules & {"difflib", "secrets", "socket", "statistics", "tempfile"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    from click.testing import CliRunner

    from modelyard.cli.group import cli

    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert "Example" in result.output
