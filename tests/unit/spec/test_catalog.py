"""The written-down names are those of the installed libraries."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(__file__).parents[3] / "tools/catalog.py"


@pytest.fixture(scope="module")
def tool() -> Any:
    spec = importlib.util.spec_from_file_location("catalog_tool", TOOLS)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["catalog_tool"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("file", "library"),
    [
        ("gx_names.py", "great_expectations"), ("evidently_names.py", "evidently"), ("sklearn_names.py", "sklearn"),
        ("ultralytics_names.py", "ultralytics"),
    ],
)  # fmt: skip
def test_the_tables_are_what_is_installed(tool: Any, file: str, library: str) -> None:
    pytest.importorskip(library)
    assert (tool.FOLDER / file).read_text() == tool.render(file), "run `python tools/catalog.py`"


def test_samplers_and_pruners_are_optunas() -> None:
    optuna = pytest.importorskip("optuna")
    from typing import get_args

    from modelyard.spec.model.tuning import Study

    samplers = {name.removesuffix("Sampler").lower() for name in dir(optuna.samplers) if name.endswith("Sampler")}
    pruners = {name.removesuffix("Pruner").lower() for name in dir(optuna.pruners) if name.endswith("Pruner")}
    assert set(get_args(Study.model_fields["sampler"].annotation)) <= samplers
    named = {name.replace("_", "") for name in get_args(Study.model_fields["pruner"].annotation)} - {"none"}
    assert named <= pruners


def test_policies_may_ask_for_what_the_plan_has() -> None:
    import inspect

    from modelyard.plan import policies
    from modelyard.spec.checks.around import GRAPH_NAMES, PLAN_NAMES

    for names, function in ((PLAN_NAMES, policies.plan_names), (GRAPH_NAMES, policies.graph_names)):
        source = inspect.getsource(function) + inspect.getsource(policies)
        assert [name for name in names if f'"{name}"' not in source] == []


def test_metrics_are_those_of_the_evaluation() -> None:
    np = pytest.importorskip("numpy")
    pytest.importorskip("sklearn")
    from modelyard.evaluation.classification import classification_metrics
    from modelyard.evaluation.regression import regression_metrics
    from modelyard.spec.catalog.metrics import METRICS

    truth, chance = np.array([0, 1, 1, 0]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])
    assert set(classification_metrics(truth, chance)) == set(METRICS["classify"])
    assert set(regression_metrics(np.array([1.0, 2.0]), np.array([1.5, 2.5]))) == set(METRICS["regress"])


def test_image_expectations_are_those_that_are_checked() -> None:
    pytest.importorskip("PIL")
    import inspect

    from modelyard.spec.catalog.expectations import IMAGE_EXPECTATIONS
    from modelyard.steps.expectations.images import CHECKS

    def arguments(check: Any) -> list[str]:
        return sorted(name for name in inspect.signature(check).parameters if name != "images")

    assert {name: arguments(check) for name, check in CHECKS.items()} == {
        name: sorted(f"{required} {optional}".split()) for name, (required, optional) in IMAGE_EXPECTATIONS.items()
    }
