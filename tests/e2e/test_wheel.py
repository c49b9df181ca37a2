"""What a user gets from the built wheel, in an environment that holds nothing else."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    argv = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(REPOSITORY)]
    subprocess.run(argv, check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`modelyard`, installed from the wheel with its base dependencies alone."""
    home = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "--quiet", "--no-compile"]
    subprocess.run([*pip, "--constraint", str(REPOSITORY / "constraints.txt"), str(wheel)], check=True)
    return home / "bin" / "modelyard"


def test_wheel_carries_schemas_specs_targets_and_examples(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "schemas/mlops.v1.json",
        "specs/startup.yaml",
        "targets/local/target.yaml",
        "examples/digits/mlops.yaml",
    ):
        assert f"modelyard/data/{wanted}" in names


def test_wheel_leaves_out_what_git_ignores(tmp_path: Path) -> None:
    """An example that was run holds gigabytes beside what belongs to it."""
    checkout = tmp_path / "checkout"
    ignored = shutil.ignore_patterns(".git", ".venv", ".modelyard", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(REPOSITORY, checkout, ignore=ignored)
    subprocess.run(["git", "init", "--quiet", str(checkout)], check=True)
    left = checkout / "examples" / "digits" / ".modelyard" / "store"
    left.mkdir(parents=True)
    (left / "object").write_text("left by a run")
    (left / "gone").symlink_to(tmp_path / "nowhere")
    argv = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(checkout)]
    subprocess.run(argv, check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert "modelyard/data/examples/digits/mlops.yaml" in names
    assert not [name for name in names if ".modelyard" in name]


def test_init_validate_and_plan_need_nothing_but_the_wheel(program: Path, tmp_path: Path) -> None:
    def modelyard(*arguments: str) -> str:
        done = subprocess.run([program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    modelyard("init", "project", "--from", "digits")
    assert "valid" in modelyard("validate", "-C", "project")
    plan = modelyard("plan", "-C", "project")
    assert "training.detector" in plan
    assert "Traceback" not in plan
