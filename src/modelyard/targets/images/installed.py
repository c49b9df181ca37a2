"""Versions of what is installed here, for all that some requirements pull in. Apply asks each time, so it is quick."""

from collections.abc import Iterable
from functools import cache

from packaging.requirements import InvalidRequirement, Requirement

from modelyard.graph.lock import normal_name


def installed_versions(requirements: Iterable[str]) -> tuple[dict[str, str], bool]:
    """Versions by normal name, and whether that is all: what is missing or does not fit is left out, with its own."""
    found: dict[str, str] = {}
    rest = [(requirement, frozenset[str]()) for requirement in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    complete = True
    while rest:
        text, extras = rest.pop()
        requirement = _parsed(text)
        if requirement is None or not _applies(requirement, extras):
            continue
        name = normal_name(requirement.name)
        version, needs = _metadata(name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            complete = False
            found.pop(name, None)
            continue
        wanted = frozenset(requirement.extras)
        if (name, wanted) not in seen:
            seen.add((name, wanted))
            found[name] = version
            # Most of what packages name is for extras that nobody asked for: not even parsed.
            rest += [(needed, wanted) for needed in needs if wanted or "extra ==" not in needed]
    return found, complete


@cache
def _metadata(name: str) -> tuple[str | None, tuple[str, ...]]:
    """Version and requirements, from the head of the package's metadata alone."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        text = distribution(name).read_text("METADATA") or ""
    except PackageNotFoundError:
        return None, ()
    version, needs = None, []
    for line in text.splitlines():
        field, _, value = line.partition(": ")
        if field == "Version":
            version = value.strip()
        elif field == "Requires-Dist":
            needs.append(value)
        elif not line:
            break
    return version, tuple(needs)


@cache
def _parsed(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None  # pip will say so, with its place


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    return requirement.marker is None or any(
        requirement.marker.evaluate({"extra": extra}) for extra in extras or frozenset({""})
    )
