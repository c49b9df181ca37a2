"""`mlops.lock`: the packages that the project is computed with, by name and version, kept in git.

What a fingerprint sees of the environment comes from here, so that a laptop and a cluster agree; what is installed
is compared with it (`environment_drift`), never taken in its place.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from modelyard.errors import ModelyardError, Place
from modelyard.files import write_whole
from modelyard.graph.model import Graph

LOCK_FILE = "mlops.lock"
_VERSION = 1
_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
_SAFE = re.compile(r"[A-Za-z0-9._+!-]+")


@dataclass(frozen=True)
class Lock:
    """`packages` by normal name (`scikit-learn`); `declared` are the requirements that were resolved."""

    python: str
    packages: Mapping[str, str]
    declared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """A package whose installed version is not the locked one; `installed` is None where it is missing."""

    package: str
    locked: str
    installed: str | None
    nodes: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return f"{self.package} {self.installed or 'not installed'} (locked: {self.locked})"


def normal_name(requirement: str) -> str:
    """The package's name of a requirement, as PyPI normalizes it: `Scikit_Learn>=1.4` → `scikit-learn`."""
    match = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match[1]).lower() if match else requirement.strip().lower()


def read_lock(root: Path) -> Lock | None:
    """The project's lock, or None where there is none. Raises ModelyardError (code `lock`) where it cannot be read."""
    path = root / LOCK_FILE
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _broken(f"{LOCK_FILE} cannot be read: {error}", 1) from error
    return parse_lock(text)


def parse_lock(text: str) -> Lock:
    import tomllib

    conflict = next((at for at, line in enumerate(text.splitlines(), 1) if line.startswith("<<<<<<< ")), None)
    if conflict:
        raise _broken(f"{LOCK_FILE} holds both sides of a merge", conflict)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        raise _broken(f"{LOCK_FILE} is no TOML: {error}", int(at[1]) if at else len(text.splitlines()) or 1) from None
    packages, declared = data.get("packages", {}), data.get("declared", [])
    if data.get("version") != _VERSION:
        raise _broken(f"{LOCK_FILE} has version {data.get('version')}; this Modelyard reads version {_VERSION}", 1)
    if not isinstance(packages, dict) or not all(isinstance(version, str) for version in packages.values()):
        raise _broken(f"`packages` of {LOCK_FILE} must be versions by name", 1)
    if not isinstance(declared, list) or not isinstance(data.get("python"), str):
        raise _broken(f"{LOCK_FILE} lacks `python`, or `declared` is no list", 1)
    by_name = {normal_name(name): version for name, version in sorted(packages.items())}
    return Lock(data["python"], MappingProxyType(by_name), tuple(str(requirement) for requirement in declared))


def _broken(what: str, line: int) -> ModelyardError:
    return ModelyardError(
        what, where=Place(LOCK_FILE, line, 1), code="lock", fix="Run `modelyard lock` to write it anew."
    )


def format_lock(lock: Lock) -> str:
    """The text of `mlops.lock`: sorted, one package a line, so that a diff reads well."""
    declared = "".join(f"    {_quoted(requirement)},\n" for requirement in sorted(lock.declared))
    packages = "".join(f"{_key(name)} = {_quoted(version)}\n" for name, version in sorted(lock.packages.items()))
    return (
        "# Written by `modelyard lock`. Names and versions only; keep it in git.\n"
        f"version = {_VERSION}\n"
        f"python = {_quoted(lock.python)}\n"
        f"declared = [\n{declared}]\n\n"
        f"[packages]\n{packages}"
    )


def write_lock(root: Path, lock: Lock) -> Path:
    """Replace `mlops.lock` in one rename."""
    path = root / LOCK_FILE
    write_whole(path, format_lock(lock), sync=True)
    return path


def _python_drift(graph: Graph) -> list[Drift]:
    running = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    users: dict[str, list[str]] = {}
    for node in graph.nodes.values():
        wanted = node.environment.python
        if wanted and not f"{running}.".startswith(f"{wanted}."):
            users.setdefault(wanted, []).append(node.address)
    return [Drift("python", wanted, running, tuple(nodes)) for wanted, nodes in sorted(users.items())]


def lock(loaded: Any) -> Lock:
    """Resolve what the spec declares and what its engines need; `write_lock` keeps it. Raises ModelyardError."""
    from modelyard.graph.resolve import resolve_lock

    return resolve_lock(loaded)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    import json

    return f'"{text}"' if _SAFE.fullmatch(text) else json.dumps(text)


def environment_drift(graph: Graph) -> list[Drift]:
    """Python, and the packages of the graph's nodes, where what is installed is not what is declared; by name."""
    users: dict[tuple[str, str], list[str]] = {}
    for node in graph.nodes.values():
        for package in node.environment.packages:
            users.setdefault(package, []).append(node.address)
    drift = _python_drift(graph)
    if not users:
        return drift
    from importlib.metadata import PackageNotFoundError, version  # 20 ms

    for (name, locked), nodes in sorted(users.items()):
        try:
            installed: str | None = version(name)
        except PackageNotFoundError:
            installed = None
        if installed != locked:
            drift.append(Drift(name, locked, installed, tuple(nodes)))
    return drift
