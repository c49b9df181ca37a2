"""The locks of the examples: as `modelyard lock` writes them, with the versions that are tested together."""

from pathlib import Path

import pytest

from modelyard.graph import compile_graph
from modelyard.graph.data import uri_only
from modelyard.graph.lock import environment_drift, normal_name, read_lock
from modelyard.graph.resolve import requirements_of
from modelyard.spec import load_spec

ROOT = Path(__file__).parents[3]


def constrained() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if "==" in line and not line.startswith("#")]
    return {normal_name(name): version for name, version in pairs}


@pytest.mark.parametrize("name", ["digits", "flights"])
def test_an_examples_lock_holds_what_is_tested(name):
    lock = read_lock(ROOT / "examples" / name)
    assert lock is not None
    tested = constrained()
    wrong = {package: version for package, version in lock.packages.items() if tested.get(package, version) != version}
    assert wrong == {}, "renew it: modelyard lock, where constraints.txt is installed"


@pytest.mark.parametrize("name", ["digits", "flights"])
def test_an_examples_lock_resolves_all_that_its_spec_needs(name):
    root = ROOT / "examples" / name
    loaded = load_spec(root / "mlops.yaml")
    graph = compile_graph(loaded, data=uri_only)
    lock = read_lock(root)
    assert sorted(lock.declared) == sorted(requirements_of(loaded, graph))
    assert graph.settings["lock"]["unlocked"] == []
    assert [str(line) for line in environment_drift(graph)] == []
