"""`modelyard lock`: from declared requirements to exact versions.

What is installed is taken as it is, closure included; only where something is missing or does not fit is pip asked
to resolve, in a dry run that installs nothing.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.graph.compile.compilation import Loaded
from modelyard.graph.lock import Lock, normal_name
from modelyard.graph.model import Graph
from modelyard.graph.touches import touched
from modelyard.spec.values import SECTIONS

_TIMEOUT = 600


def resolve_lock(loaded: Any) -> Lock:
    """Resolve what the spec declares and what its kinds and engines need. Raises ModelyardError (code `resolve`)."""
    from modelyard.graph import compile_graph
    from modelyard.graph.data import uri_only

    empty = Lock("", MappingProxyType({}))
    graph = compile_graph(loaded, data=uri_only, code=False, lock=empty)
    declared = requirements_of(loaded, graph)
    python = loaded.spec.runtime.python or f"{sys.version_info.major}.{sys.version_info.minor}"
    return Lock(python, MappingProxyType(resolve(declared, python)), tuple(declared))


def requirements_of(loaded: Loaded, graph: Graph) -> list[str]:
    """Requirements of all nodes: those that `runtime:` sections declare, and names for what kinds and engines touch."""
    spec = loaded.spec
    sections = [getattr(spec, section) for section in SECTIONS]
    runtimes = [spec.runtime, *(getattr(one, "runtime", None) for section in sections for one in section.values())]
    declared = {requirement for runtime in runtimes if runtime for requirement in runtime.packages}
    names = {normal_name(requirement) for requirement in declared}
    needed = {name for node in graph.nodes.values() for name in touched(node.kind, _variant(node.kind, node.config))}
    return sorted(declared | (needed - names))


def _variant(kind: str, config: Mapping[str, Any]) -> str | None:
    if kind == "tune":
        return str(config["training"]["engine"])
    return config.get("type") if kind == "ingest" else config.get("engine")


def resolve(requirements: Iterable[str], python: str | None = None) -> dict[str, str]:
    """Exact versions of requirements and of all that they require, sorted by name."""
    wanted = sorted(requirements)
    if not wanted:
        return {}
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = installed_closure(wanted) if python is None or python.startswith(running) else None
    return dict(sorted((found if found is not None else pip_resolve(wanted, python)).items()))


def installed_closure(requirements: Iterable[str]) -> dict[str, str] | None:
    """Versions from what is installed, or None where something is missing or does not fit."""
    from importlib.metadata import PackageNotFoundError, distribution

    found: dict[str, str] = {}
    rest = [(_parsed(requirement), frozenset[str]()) for requirement in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    while rest:
        requirement, extras = rest.pop()
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in extras or {""}):
            continue
        key = (normal_name(requirement.name), frozenset(requirement.extras))
        try:
            package = distribution(requirement.name)
        except PackageNotFoundError:
            return None
        if not requirement.specifier.contains(package.version, prereleases=True):
            return None
        found[key[0]] = package.version
        if key not in seen:
            seen.add(key)
            rest += [(_parsed(needed), key[1] or frozenset({""})) for needed in package.requires or ()]
    return found


def _parsed(requirement: str) -> Any:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(requirement)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise ModelyardError(
            f"`{requirement}` is no requirement: {reason}", address="runtime.packages", code="resolve",
            fix="Write it as pip takes it: `pandas`, `pandas>=2.2`, `pandas[parquet]==2.3.1`.",
        ) from None  # fmt: skip


def pip_resolve(requirements: list[str], python: str | None = None) -> dict[str, str]:
    """What pip would install into an empty environment. Names and versions only: no address leaves here."""
    command = [
        sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--no-input",
        "--disable-pip-version-check", "--report", "-",
    ]  # fmt: skip
    if python and not python.startswith(f"{sys.version_info.major}.{sys.version_info.minor}"):
        command += ["--python-version", python, "--only-binary", ":all:", "--target", "unused"]
    try:
        done = subprocess.run(
            [*command, "--", *requirements], capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise ModelyardError(
            f"pip did not resolve this in {_TIMEOUT} s", code="resolve", fix="Check the network."
        ) from None
    if done.returncode != 0:
        raise _pip_refused(done.stderr, requirements)
    report = json.loads(done.stdout)
    versions = [(item["metadata"]["name"], item["metadata"]["version"]) for item in report["install"]]
    return {normal_name(name): version for name, version in versions}


def _pip_refused(told: str, requirements: list[str]) -> ModelyardError:
    lines = [line.removeprefix("ERROR: ").strip() for line in told.splitlines() if line.strip()]
    if any("No module named pip" in line for line in lines):
        fix = f"Install what is missing, or pip itself: {sys.executable} -m ensurepip"
        return ModelyardError(
            "something is not installed, and pip, which would find it, is not either", code="resolve", fix=fix
        )
    what = next(
        (line for line in lines if "conflict" in line.lower() or "No matching" in line), lines[-1] if lines else ""
    )
    return ModelyardError(
        f"pip finds no set of versions that fits: {what}", address="runtime.packages", code="resolve",
        details=lines[-15:], fix=f"Loosen one of: {', '.join(requirements)}.",
    )  # fmt: skip
