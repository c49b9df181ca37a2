"""The specs that travel with the package hold for pictures and for tables, with the lines their headers give."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from modelyard.errors import ErrorGroup
from modelyard.spec import load_spec

ROOT = Path(__file__).parents[3]
NAMES = sorted(path.stem for path in (ROOT / "specs").glob("*.yaml"))
HEAD = "version: 1\nproject: p\nextends: [modelyard:{}]\n"
IMAGE_STEP = "steps: {scenes: {run: python make.py, outputs: {seen: {type: images}}}}\n"
TABLE_STEP = "steps: {tables: {run: python make.py, outputs: {flights: {type: table}, weather: {type: table}}}}\n"


@pytest.fixture
def project(write: Callable[..., Path]) -> Callable[[str], Path]:
    write("print(1)\n", "make.py")
    write("id,target,time,value\n1,2,3,4\n", "data/rows.csv")
    write("id,time,value\n1,2,3\n", "data/context.csv")
    write("", "data/scenes/a.png")
    return write


def header(name: str, kind: int) -> str:
    """The example of a header: 0 tables, 1 pictures."""
    lines = (ROOT / f"specs/{name}.yaml").read_text().split("version: 1\nproject: " + name)[0].splitlines()
    blocks = re.split(r"\n(?!#   )", "\n".join(lines))
    indented = ["\n".join(line[4:] for line in one.splitlines() if line.startswith("#   ")) for one in blocks]
    return [one for one in indented if one][kind]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_whole_with_its_defaults(project: Callable[[str], Path], name: str) -> None:
    spec = load_spec(project(HEAD.format(name)), environ={}).spec
    assert spec.project == "p"
    assert "model" in spec.training


@pytest.mark.parametrize("name", NAMES)
def test_pictures_take_the_lines_of_the_header(project: Callable[[str], Path], name: str) -> None:
    spec = load_spec(project(HEAD.format(name) + header(name, 1)), environ={}).spec
    assert spec.training["model"].engine == "ultralytics"
    assert spec.sources["data"].type == "images"


@pytest.mark.parametrize("name", NAMES)
def test_the_table_of_the_header_loads(project: Callable[..., Path], name: str) -> None:
    text = header(name, 0)
    for path in re.findall(r"data/[\w.]+", text):
        project("x\n1\n" if path.endswith(".csv") else "", path.replace(".csv", ".parquet"))
    text = text.replace(".csv", ".parquet")  # whose columns nobody can know before reading it
    assert load_spec(project(text), environ={}).spec.extends == (f"modelyard:{name}",)


@pytest.mark.parametrize("name", NAMES)
def test_the_data_of_the_examples_fits(project: Callable[[str], Path], name: str) -> None:
    text = header(name, 1).replace("data/scenes", "steps.scenes:seen")
    digits = load_spec(project(HEAD.format(name) + IMAGE_STEP + text), environ={}).spec
    assert digits.sources["data"].path == "steps.scenes:seen"
    variables = {"data": "steps.tables:flights", "target": "late"}
    if name == "production":
        variables |= {"context": "steps.tables:weather", "timestamp": "time_hour", "entity": "origin"}
    lines = "training: {model: {target: {late: arr_delay > 15}}}\n"
    flights = load_spec(project(HEAD.format(name) + TABLE_STEP + lines), variables=variables, environ={}).spec
    assert flights.training["model"].target.sql == "arr_delay > 15"  # type: ignore[union-attr]


def test_each_has_what_its_people_need() -> None:
    def sections(name: str) -> set[str]:
        return set(re.findall(r"^([a-z]+):", (ROOT / f"specs/{name}.yaml").read_text(), re.M))

    assert {"tracking", "registry", "sources", "expectations", "serving"} <= sections("startup")
    assert {"tracking", "sources", "tuning"} <= sections("research-lab")
    assert "serving" not in sections("research-lab")
    assert {"registry", "expectations", "features", "serving", "monitoring"} <= sections("production")


def test_approvals_wait_in_productions_own_environment(project: Callable[[str], Path]) -> None:
    with pytest.raises(ErrorGroup) as caught:
        load_spec(project(HEAD.format("production")), environment="prod", environ={})
    assert {"cluster", "not-supported"} == {error.code for error in caught.value.errors}
    assert any("approval" in error.what for error in caught.value.errors)


@pytest.mark.parametrize("name", NAMES)
def test_missing_data_is_told_at_the_line_that_names_it(write: Callable[..., Path], name: str) -> None:
    with pytest.raises(ErrorGroup) as caught:
        load_spec(write(HEAD.format(name)), environ={})
    assert "sources.data.path" in [error.address for error in caught.value.errors]
