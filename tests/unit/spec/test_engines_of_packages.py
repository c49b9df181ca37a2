"""Engines that other packages bring by an entry point: `validate` and the process that trains see the same ones."""

import json

import pytest

from modelyard.engines import load_engine
from modelyard.errors import ModelyardError
from modelyard.spec import load_spec
from modelyard.spec.catalog import engines

SPEC = """
version: 1
project: p
sources:
  rows: {type: table, path: rows.csv}
training:
  mine: {data: sources.rows, engine: NAME, model: Tiny, call: "code:f", params: {anything: 1}, target: y}
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package with an engine `tiny`."""
    info = tmp_path / "site" / "tiny_engine-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-engine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[modelyard.engines]\ntiny = tiny_engine:Tiny\n")
    (info.parent / "tiny_engine.py").write_text("class Tiny:\n    pass\n")
    monkeypatch.syspath_prepend(str(info.parent))
    engines._engines_of_packages.cache_clear()
    yield
    engines._engines_of_packages.cache_clear()


def load(tmp_path, engine):
    (tmp_path / "mlops.yaml").write_text(SPEC.replace("NAME", engine))
    (tmp_path / "code.py").write_text("def f(): ...\n")
    (tmp_path / "rows.csv").write_text("x,y\n1,2\n")
    return load_spec(tmp_path / "mlops.yaml")


@pytest.mark.usefixtures("package")
def test_an_engine_of_an_installed_package_is_valid_and_found(tmp_path):
    assert load(tmp_path, "tiny").spec.training["mine"].engine == "tiny"
    assert type(load_engine("tiny")).__name__ == "Tiny"


@pytest.mark.usefixtures("package")
def test_it_is_among_those_a_mistake_may_have_meant(tmp_path):
    with pytest.raises(ModelyardError) as error:
        load(tmp_path, "tinny")
    assert "did you mean `tiny`" in str(error.value)


def test_without_the_package_there_is_no_such_engine(tmp_path):
    with pytest.raises(ModelyardError, match="there is no engine `tiny`"):
        load(tmp_path, "tiny")


@pytest.mark.usefixtures("package")
def test_the_schema_that_is_written_where_it_is_installed_knows_it():
    from modelyard.spec.schema import spec_schema

    assert '"tiny"' in json.dumps(spec_schema()["$defs"]["Training"]["properties"]["engine"])
