"""`mlops.lock`, and what nodes see of it."""

import json
import subprocess
import sys
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from graph_builders import FLIGHTS, FLIGHTS_FILES, Project

from modelyard.errors import ModelyardError
from modelyard.graph import compile_graph, resolve
from modelyard.graph.data import uri_only
from modelyard.graph.fingerprint import node_identity
from modelyard.graph.lock import (
    Lock,
    environment_drift,
    format_lock,
    lock,
    normal_name,
    parse_lock,
    read_lock,
    write_lock,
)

LOCKED = Lock(
    "3.11",
    MappingProxyType(
        {"duckdb": "1.2", "mlflow": "3.1", "numpy": "2.0", "optuna": "4.2", "polars": "1.0", "scikit-learn": "1.6"}
    ),
    ("polars",),
)


def identities(project: Project, locked: Lock | None, extra: str = "") -> dict[str, str]:
    graph = compile_graph(project.write(FLIGHTS_FILES).spec(FLIGHTS + extra), data=uri_only, lock=locked)
    return {address: node_identity(node) for address, node in graph.nodes.items()}


def with_version(package: str, version: str) -> Lock:
    return Lock(LOCKED.python, MappingProxyType({**LOCKED.packages, package: version}), LOCKED.declared)


def test_a_lock_is_read_as_it_was_written(project: Project) -> None:
    write_lock(project.root, LOCKED)
    assert read_lock(project.root) == LOCKED
    assert [path.name for path in project.root.iterdir()] == ["mlops.lock"]


def test_a_lock_has_names_and_versions_only_a_line_each() -> None:
    assert format_lock(Lock("3.11", {"b": "2", "a": "1+cpu"}, ("b>=1", "a"))).splitlines() == [
        "# Written by `modelyard lock`. Names and versions only; keep it in git.",
        "version = 1", 'python = "3.11"', "declared = [", '    "a",', '    "b>=1",', "]", "", "[packages]",
        'a = "1+cpu"', 'b = "2"',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('version = 1\npython = "3.11"\n<<<<<<< ours\n', 3),
        ("version = 1\nx = [", 2),
        ("version = 1\nx = = 1", 2),
        ("version = 2\n", 1),
        ('version = 1\npython = "3"\ndeclared = []\npackages = 3', 1),
        ("version = 1\n[packages]\na = 1", 1),
        ("version = 1", 1),
    ],
)
def test_a_lock_that_cannot_be_read_is_told_at_its_line(text: str, line: int) -> None:
    with pytest.raises(ModelyardError) as caught:
        parse_lock(text)
    assert caught.value.code == "lock"
    assert caught.value.where is not None and (caught.value.where.file, caught.value.where.line) == ("mlops.lock", line)


@pytest.mark.parametrize(
    "name", ["Scikit_Learn>=1.4", "scikit.learn [x] ; python_version > '3'", "scikit--learn==1", " scikit-learn"]
)
def test_names_are_compared_as_pypi_does(name: str) -> None:
    assert normal_name(name) == "scikit-learn"


@pytest.mark.parametrize(
    ("package", "touched"),
    [
        ("scikit-learn", {"training.late", "training.late.evaluate", "tuning.late", "tuning.late.evaluate"}),
        (
            "duckdb",
            {
                "sources.flights",
                "sources.weather",
                "features.weather",
                "features.weather.online",
                "training.late.features",
            },
        ),
        ("optuna", {"tuning.late"}),
        ("mlflow", set()),
    ],
)
def test_a_new_version_changes_only_what_can_touch_it(project: Project, package: str, touched: set[str]) -> None:
    before, after = identities(project, LOCKED), identities(project, with_version(package, "99"))
    assert {address for address in before if before[address] != after[address]} == touched


def test_a_declared_package_counts_for_the_users_own_code_only(project: Project) -> None:
    runtime = "runtime: {packages: [polars]}\n"
    before, after = identities(project, LOCKED, runtime), identities(project, with_version("polars", "99"), runtime)
    assert {address for address in before if before[address] != after[address]} == {"steps.tables", "steps.tidy"}


def test_a_nodes_own_packages_win_over_the_projects(project: Project) -> None:
    text = (
        FLIGHTS.replace("timeout: 15m", "timeout: 15m\n    runtime: {packages: [duckdb]}")
        + "runtime: {packages: [polars], python: '3.12'}\n"
    )
    nodes = compile_graph(project.write(FLIGHTS_FILES).spec(text), data=uri_only, lock=LOCKED).nodes
    assert nodes["steps.tidy"].environment.packages == (("duckdb", "1.2"),)
    assert nodes["steps.tables"].environment.packages == (("polars", "1.0"),)
    assert nodes["steps.tidy"].environment.python == "3.12"


def test_without_a_lock_only_what_is_declared_of_python_counts(project: Project) -> None:
    graph = compile_graph(project.write(FLIGHTS_FILES).spec(FLIGHTS), data=uri_only)
    assert {(node.environment.python, node.environment.packages) for node in graph.nodes.values()} == {(None, ())}
    assert graph.settings["lock"] == {"file": None, "unlocked": []}


def test_a_package_that_is_declared_and_not_locked_is_told(project: Project) -> None:
    loaded = project.write(FLIGHTS_FILES).spec(FLIGHTS + "runtime: {packages: [polars, new>=1]}\n")
    assert compile_graph(loaded, data=uri_only, lock=LOCKED).settings["lock"] == {
        "file": "mlops.lock",
        "unlocked": ["new"],
    }


def test_what_is_installed_is_compared_with_the_lock(project: Project) -> None:
    packages = MappingProxyType(
        {"pyyaml": "0.1", "no-such-package-here": "1", "blake3": resolve.installed_closure(["blake3"])["blake3"]}
    )
    loaded = project.spec("steps: {a: {run: 'true'}}\nruntime: {packages: [pyyaml, blake3, no-such-package-here]}\n")
    drift = environment_drift(compile_graph(loaded, lock=Lock("3.11", packages)))
    assert [(one.package, one.locked, one.nodes) for one in drift] == [
        ("no-such-package-here", "1", ("steps.a",)), ("pyyaml", "0.1", ("steps.a",)),
    ]  # fmt: skip
    assert str(drift[0]) == "no-such-package-here not installed (locked: 1)"


def test_another_python_than_the_declared_one_is_drift(project: Project) -> None:
    loaded = project.spec("steps: {a: {run: 'true'}}\nruntime: {python: '3.99'}\n")
    (drift,) = environment_drift(compile_graph(loaded))
    assert (drift.package, drift.locked, drift.nodes) == ("python", "3.99", ("steps.a",))


def test_a_lock_resolves_declared_packages_with_all_that_they_need(project: Project) -> None:
    loaded = project.spec("steps: {a: {run: 'true'}}\nruntime: {packages: ['pytest>=7']}\n")
    locked = lock(loaded)
    assert {"pytest", "pluggy", "packaging"} <= set(locked.packages)
    assert locked.declared == ("pytest>=7",)
    assert locked.python == f"{sys.version_info.major}.{sys.version_info.minor}"


def test_markers_and_extras_are_heeded() -> None:
    assert resolve.installed_closure(["pytest ; python_version < '3'", "blake3"]) == resolve.installed_closure(
        ["blake3"]
    )
    assert resolve.installed_closure(["pytest==0.1"]) is None
    assert resolve.installed_closure(["no-such-package-here"]) is None


def answer(monkeypatch: pytest.MonkeyPatch, **done: Any) -> list[list[str]]:
    asked: list[list[str]] = []

    def run(command: list[str], **_: Any) -> SimpleNamespace:
        asked.append(command)
        return SimpleNamespace(**{"returncode": 0, "stdout": "", "stderr": "", **done})

    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_pip_is_asked_for_what_is_missing_and_installs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    report = {
        "install": [{"metadata": {"name": "No_Such", "version": "1.2"}, "download_info": {"url": "https://secret"}}]
    }
    asked = answer(monkeypatch, stdout=json.dumps(report))
    assert resolve.resolve(["no-such>=1"]) == {"no-such": "1.2"}
    assert "--dry-run" in asked[0]
    assert asked[0][-2:] == ["--", "no-such>=1"]


def test_another_python_is_resolved_by_pip_for_that_python(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer(monkeypatch, stdout='{"install": []}')
    resolve.resolve(["pytest"], "3.99")
    assert asked[0][asked[0].index("--python-version") + 1] == "3.99"


def test_what_pip_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, returncode=1, stderr="blah\nERROR: No matching distribution found for x==9\n")
    with pytest.raises(ModelyardError, match="No matching distribution found for x==9"):
        resolve.resolve(["x==9"])


def test_a_requirement_that_is_none_is_told() -> None:
    with pytest.raises(ModelyardError, match="is no requirement") as caught:
        resolve.resolve(["what is this"])
    assert caught.value.address == "runtime.packages"
