"""Secrets in pods: never a value, only the key of a Secret, as an environment variable of the secret's name."""

from collections.abc import Iterable, Mapping
from typing import Any

from modelyard.secrets import references
from modelyard.targets.kubernetes.names import Scope

OWN = "secrets"
"""`flights-prod-secrets` holds what `secrets:` of the spec places in no other Secret."""


def place_of(name: str, scope: Scope, settings: Mapping[str, Any]) -> tuple[str, str]:
    """The Secret and its key."""
    place = (settings.get("secrets") or {}).get(name) or {}
    named = place.get("kubernetes")
    return (named["name"], named["key"]) if named else (scope.shared(OWN), name)


def secret_variables(names: Iterable[str], scope: Scope, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [_from_secret(name, name, scope, settings) for name in sorted(names)]


def plain_variables(env: Mapping[str, str], scope: Scope, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`target.kubernetes.env`: a value is text, or one reference to a secret."""
    found: list[dict[str, Any]] = []
    for name, value in sorted(env.items()):
        named = sorted(references(value))
        found.append(_from_secret(name, named[0], scope, settings) if named else {"name": name, "value": value})
    return found


def _from_secret(variable: str, name: str, scope: Scope, settings: Mapping[str, Any]) -> dict[str, Any]:
    secret, key = place_of(name, scope, settings)
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def inside(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`secrets:` as a pod reads it: wherever they live outside, here each is the variable of its name."""
    return {name: {"env": name} for name in sorted(settings.get("secrets") or {})}
