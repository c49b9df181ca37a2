import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.errors import ErrorGroup, ModelyardError
from modelyard.resources import resource_folder
from modelyard.spec import find_spec, load_spec


def test_the_spec_is_found_upwards(tmp_path):
    (tmp_path / "mlops.yaml").touch()
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find_spec(tmp_path / "a" / "b") == tmp_path / "mlops.yaml"


def test_a_named_spec_is_taken_as_it_is(tmp_path):
    (tmp_path / "other.yaml").touch()
    assert find_spec(tmp_path, "other.yaml") == tmp_path / "other.yaml"
    with pytest.raises(ModelyardError, match=r"no `sub/other.yaml`"):
        find_spec(tmp_path, "sub/other.yaml")


def test_no_spec_says_what_to_do(tmp_path):
    (tmp_path / "mlops.yml").touch()
    with pytest.raises(ModelyardError, match=r"mlops\.yml"):
        find_spec(tmp_path)


def test_shipped_specs_can_be_extended_and_are_guessed(tmp_path):
    names = sorted(path.stem for path in resource_folder("specs").glob("*.yaml"))
    assert "startup" in names
    path = tmp_path / "mlops.yaml"
    path.write_text("version: 1\nproject: p\nextends: modelyard:startap\n")
    with pytest.raises(ErrorGroup) as caught:
        load_spec(path)
    assert "did you mean `startup`?" in (caught.value.errors[0].fix or "")


def test_nothing_heavy_is_imported_until_a_spec_is_typed():
    code = "import sys, modelyard.spec.find; print([m for m in ('pydantic', 'yaml', 'rich') if m in sys.modules])"
    source = str(Path(__file__).parents[3] / "src")
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": source}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
