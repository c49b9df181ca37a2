"""The samples for Argo CD, Flux, GitHub and GitLab: they parse, have their kinds' shape, and type real commands."""

import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from ruamel.yaml import YAML

from modelyard.cli.group import COMMANDS

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "gitops"


def read(name: str) -> list[Any]:
    # YAML 1.2, as GitHub and Kubernetes read it: to PyYAML the key `on` is a truth value.
    return list(YAML(typ="safe", pure=True).load_all((FOLDER / name).read_text("utf-8")))


def text(**more: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, **more}


def table(required: str, optional: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """Of these fields and no others."""
    known = {**fields, **(optional or {})}
    return {"type": "object", "properties": known, "required": required.split(), "additionalProperties": False}


DURATION = text(pattern=r"^([0-9]+(ms|s|m|h))+$")
METADATA = table("name namespace", name=text(), namespace=text())
TRUTH = {"type": "boolean"}

ARGO = table(
    "apiVersion kind metadata spec", apiVersion={"const": "argoproj.io/v1alpha1"}, kind={"const": "Application"},
    metadata=METADATA,
    spec=table(
        "project source destination", project=text(),
        source=table("repoURL path", repoURL=text(), targetRevision=text(), path=text()),
        destination=table("namespace", server=text(), name=text(), namespace=text()),
        syncPolicy=table(
            "", automated=table("", prune=TRUTH, selfHeal=TRUTH, allowEmpty=TRUTH),
            syncOptions={"type": "array", "items": text(pattern=r"^[A-Z]\w+=(true|false)$")},
            retry=table(
                "", limit={"type": "integer"},
                backoff=table("", duration=DURATION, factor={"type": "integer"}, maxDuration=DURATION),
            ),
        ),
    ),
)  # fmt: skip
FLUX = table(
    "apiVersion kind metadata spec", apiVersion={"const": "kustomize.toolkit.fluxcd.io/v1"},
    kind={"const": "Kustomization"}, metadata=METADATA,
    spec=table(
        "interval prune sourceRef", interval=DURATION, retryInterval=DURATION, timeout=DURATION, prune=TRUTH,
        wait=TRUTH, force=TRUTH, path=text(pattern=r"^\./"), targetNamespace=text(),
        sourceRef=table("kind name", kind={"enum": ["GitRepository", "OCIRepository", "Bucket"]}, name=text()),
    ),
)  # fmt: skip
REPOSITORY = table(
    "apiVersion kind metadata spec", apiVersion={"const": "source.toolkit.fluxcd.io/v1"},
    kind={"const": "GitRepository"}, metadata=METADATA,
    spec=table(
        "interval url", interval=DURATION, url=text(pattern=r"^(https|ssh)://"),
        ref=table("", branch=text(), tag=text(), commit=text()), secretRef=table("name", name=text()),
    ),
)  # fmt: skip


def test_argo_cd_is_given_an_application_that_applies_on_the_servers_side_and_prunes() -> None:
    (application,) = read("argocd-application.yaml")
    jsonschema.validate(application, ARGO)
    policy = application["spec"]["syncPolicy"]
    assert "ServerSideApply=true" in policy["syncOptions"]
    assert policy["automated"]["prune"] is True


def test_flux_is_given_a_kustomization_of_the_repository_beside_it() -> None:
    repository, kustomization = read("flux-kustomization.yaml")
    jsonschema.validate(repository, REPOSITORY)
    jsonschema.validate(kustomization, FLUX)
    assert kustomization["spec"]["sourceRef"]["name"] == repository["metadata"]["name"]
    assert kustomization["metadata"]["namespace"] == repository["metadata"]["namespace"]


def test_both_look_where_the_recipes_render_to() -> None:
    (application,), (_, kustomization) = read("argocd-application.yaml"), read("flux-kustomization.yaml")
    path = application["spec"]["source"]["path"]
    assert kustomization["spec"]["path"] == f"./{path}"
    for recipe in ("github-actions.yml", "gitlab-ci.yml"):
        assert f"--target-dir {path}\n" in (FOLDER / recipe).read_text("utf-8")


def github_steps() -> dict[str, list[str]]:
    (workflow,) = read("github-actions.yml")
    return {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in workflow["jobs"].items()}


def gitlab_steps() -> dict[str, list[str]]:
    (pipeline,) = read("gitlab-ci.yml")
    return {name: pipeline[name]["script"] for name in pipeline["stages"]}


@pytest.mark.parametrize("steps", [github_steps, gitlab_steps])
def test_a_recipe_validates_plans_comments_and_renders_by_commands_that_exist(steps) -> None:
    jobs = steps()
    named = {job: commands_in(lines) for job, lines in jobs.items()}
    assert [words[0] for words in named["plan"]] == ["fmt", "validate", "plan"]
    assert [words[0] for words in named["render"]] == ["validate", "build", "render"]
    plan = named["plan"][2]
    assert "--against" in plan and plan[plan.index("--format") + 1] == "markdown"
    assert any("comment" in line or "notes" in line for line in jobs["plan"])
    for name, *arguments in (words for found in named.values() for words in found):
        command: click.Command = import_module(f"modelyard.cli.{name}").command
        command.make_context(name, arguments)


def commands_in(lines: list[str]) -> list[list[str]]:
    """Each `modelyard …` as words, with the variables of the CI system as some value."""
    found = []
    for line in "\n".join(lines).splitlines():
        if line.strip().startswith("modelyard "):
            plain = re.sub(r"\$\{\{.*?\}\}", "X", line.partition(" > ")[0])
            words = shlex.split(plain, comments=True)[1:]
            assert words[0] in COMMANDS
            found.append(words)
    return found


def test_a_workflow_has_no_more_rights_than_it_uses() -> None:
    (workflow,) = read("github-actions.yml")
    assert set(workflow["on"]) == {"pull_request", "push"}
    rights = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    assert rights["plan"] == {"contents": "read", "pull-requests": "write", "security-events": "write"}
    assert rights["render"] == {"contents": "write", "packages": "write"}


def test_pre_commit_takes_the_hooks_and_each_types_a_real_command() -> None:
    clientlib = pytest.importorskip("pre_commit.clientlib")
    hooks = {hook["id"]: hook for hook in clientlib.load_manifest(ROOT / ".pre-commit-hooks.yaml")}
    assert set(hooks) == {"modelyard-validate", "modelyard-fmt"}
    for hook in hooks.values():
        program, name, *arguments = shlex.split(hook["entry"])
        assert (program, hook["language"]) == ("modelyard", "python")
        command: click.Command = import_module(f"modelyard.cli.{name}").command
        # As pre-commit calls it: with the files that match.
        assert re.search(hook["files"], "models/mlops.yaml")
        assert not re.search(hook["files"], "mlops.yaml.orig")
        command.make_context(name, [*arguments, "mlops.yaml", "models/mlops.yaml"])
