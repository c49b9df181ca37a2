"""A spec that is right is typed without pydantic, from the second run on, and comes out the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"
READ = """
import json, sys
if sys.argv[2] == "models":
    import pydantic
from pathlib import Path
from modelyard.spec import load_spec
from modelyard.graph import compile_graph
from modelyard.graph.codec import node_to_json
loaded = load_spec(Path(sys.argv[1]))
graph = compile_graph(loaded)
print(json.dumps({
    "pydantic": "pydantic" in sys.modules,
    "spec": loaded.spec.plain(),
    "dump": loaded.spec.model_dump(mode="json", by_alias=True),
    "nodes": [node_to_json(node) for node in graph.nodes.values()],
}))
"""


def read(spec: Path, cache: Path, how: str) -> dict:
    environ = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    argv = [sys.executable, "-c", READ, str(spec), how]
    return json.loads(subprocess.run(argv, env=environ, check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize("name", ["digits", "flights"])
def test_records_say_what_the_models_say(name: str, tmp_path: Path) -> None:
    spec = EXAMPLES / name / "mlops.yaml"
    models = read(spec, tmp_path, "models")
    records = read(spec, tmp_path, "records")
    assert models.pop("pydantic")
    assert not records.pop("pydantic")
    assert records == models


def test_a_broken_cache_is_no_harm(tmp_path: Path) -> None:
    spec = EXAMPLES / "digits" / "mlops.yaml"
    read(spec, tmp_path, "records")
    (kept,) = (tmp_path / "modelyard").glob("spec-*.json")
    kept.write_text('{"type": "model"')
    again = read(spec, tmp_path, "records")
    assert again["pydantic"]
    assert again["spec"]["project"] == "digits"
    assert not read(spec, tmp_path, "records")["pydantic"]


def test_a_mistake_is_told_as_pydantic_finds_it(tmp_path: Path) -> None:
    good = EXAMPLES / "digits" / "mlops.yaml"
    read(good, tmp_path, "records")
    bad = tmp_path / "mlops.yaml"
    bad.write_text("version: 1\nproject: p\nsteps: {s: {rn: a}}\n")
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    argv = [sys.executable, "-m", "modelyard", "validate", "-f", str(bad)]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "did you mean `run`" in done.stderr
