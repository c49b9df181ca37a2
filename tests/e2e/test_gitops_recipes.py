"""The recipes for GitHub and GitLab, run as their runners would: their own lines, in a repository with a remote."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

pytestmark = pytest.mark.e2e

RECIPES = Path(__file__).parents[2] / "docs" / "gitops"
SPEC = """\
version: 1
project: clinic
steps:
  prepare:
    run: python prepare.py ${outputs.dir}
    outputs: {dir: {type: files}}
    params: {rows: 10}
environments:
  prod: {target: local}
"""
_NOT_HERE = ("pip install", "curl", "gh ", "modelyard build", "login=", "mkdir", "printf")
"""What needs a package index, a registry, or the system itself."""


def sh(script: str, where: Path, **environment: str) -> str:
    """As both systems run a step: by a shell that stops at the first failure."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script], cwd=where, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": path, "HOME": str(where.parent), "GIT_CONFIG_NOSYSTEM": "1", **environment},
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A clone on `main`, with its remote beside it."""
    remote, clone = tmp_path / "remote.git", tmp_path / "clone"
    sh(f"git init --quiet --bare --initial-branch main {remote} && git clone --quiet {remote} {clone} 2>&1", tmp_path)
    (clone / "mlops.yaml").write_text(SPEC)
    (clone / "prepare.py").write_text("print('nothing yet')\n")
    sh("git config user.name me && git config user.email me@example.com && modelyard fmt", clone)
    sh("git checkout --quiet -b main; git add -A && git commit --quiet -m one && git push --quiet origin main", clone)
    return clone


def steps(recipe: str, job: str) -> list[str]:
    found = YAML(typ="safe", pure=True).load((RECIPES / recipe).read_text("utf-8"))
    lines = (
        found[job]["script"] if "gitlab" in recipe else [s["run"] for s in found["jobs"][job]["steps"] if "run" in s]
    )
    return [line.replace("${{ github.base_ref }}", "main") for line in lines if not line.startswith(_NOT_HERE)]


VARIABLES = {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", "CI_COMMIT_SHORT_SHA": "c0ffee", "CI_COMMIT_BRANCH": "main"}


@pytest.mark.parametrize("recipe", ["github-actions.yml", "gitlab-ci.yml"])
def test_a_change_is_told_in_markdown(recipe: str, repository: Path) -> None:
    sh("git checkout --quiet -b change && sed -i 's/rows: 10/rows: 20/' mlops.yaml && git commit -qam two", repository)
    for line in steps(recipe, "plan"):
        if "gh api" not in line:
            sh(line, repository, **VARIABLES)

    told = (repository / "plan.md").read_text()
    assert told.startswith("<!-- modelyard plan clinic/prod -->")
    assert "`params.rows` 10 → 20" in told


@pytest.mark.parametrize("recipe", ["github-actions.yml", "gitlab-ci.yml"])
def test_a_merge_pushes_what_is_rendered_once(recipe: str, repository: Path) -> None:
    stale = repository / "deploy" / "prod" / "stale.yaml"
    stale.parent.mkdir(parents=True)
    stale.write_text("gone: true\n")
    for _ in range(2):
        for line in steps(recipe, "render"):
            pushed = line.replace(
                'git push "https://modelyard:$PUSH_TOKEN@$CI_SERVER_HOST/$CI_PROJECT_PATH.git"', "git push origin"
            )
            sh(pushed, repository, **VARIABLES)

    files = sh("git ls-tree -r --name-only origin/main deploy", repository).split()
    assert "deploy/prod/README.md" in files
    assert "deploy/prod/stale.yaml" not in files
    assert sh("git rev-list --count origin/main", repository).strip() == "2", "the second time nothing had changed"
