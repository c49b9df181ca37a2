"""`environments.<name>`: what differs there, laid over the rest."""

from typing import Any

from modelyard.errors import ModelyardError
from modelyard.nearest import did_you_mean
from modelyard.spec.merging import merge
from modelyard.spec.tree import Map, key_place

DEFAULT_ENVIRONMENT = "dev"
_NOT_IN_AN_ENVIRONMENT = ("version", "project", "extends", "environments")


def apply_environment(tree: Map, name: str) -> Map:
    """The spec as it is in environment `name`. Raises ModelyardError for one that the spec does not have.

    `dev` need not be declared: it is the base as it stands.
    """
    environments: Any = tree.get("environments")
    declared = environments if isinstance(environments, Map) else None
    names = [key for key in declared or () if not key.startswith("x-")]
    if declared is None or name not in names:
        if name == DEFAULT_ENVIRONMENT:
            return tree
        fix = did_you_mean(name, [*names, DEFAULT_ENVIRONMENT], "Environments here")
        raise ModelyardError(f"there is no environment `{name}`", address="environments", fix=fix, code="environment")
    overlay = declared[name]
    if overlay is None:
        return tree
    if not isinstance(overlay, Map):
        return tree  # the typing says so at its place
    return merge(tree, overlay.without([key for key in _NOT_IN_AN_ENVIRONMENT if key in overlay]))


def check_environments(tree: Map, sections: list[str]) -> list[ModelyardError]:
    """Every environment is looked at, chosen or not: it may hold sections only."""
    errors: list[ModelyardError] = []
    environments: Any = tree.get("environments")
    for name, overlay in (environments if isinstance(environments, Map) else {}).items():
        for key in overlay if isinstance(overlay, Map) else ():
            allowed = [section for section in sections if section not in _NOT_IN_AN_ENVIRONMENT]
            if key in allowed or key.startswith("x-"):
                continue
            fixed = key in _NOT_IN_AN_ENVIRONMENT
            errors.append(
                ModelyardError(
                    f"`{key}` cannot differ between environments" if fixed else "unknown key",
                    where=key_place(overlay, key),
                    address=f"environments.{name}.{key}",
                    fix="set it at the top of the file" if fixed else did_you_mean(key, allowed, "Keys here"),
                    code="environment" if fixed else "unknown-key",
                )
            )
    return errors
