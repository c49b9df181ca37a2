"""Write the tables of `modelyard.spec.catalog` from the installed libraries: `python tools/catalog.py [--check]`.

`validate` must know what Great Expectations, Evidently, scikit-learn and ultralytics call things without importing
them, so their names are written down here, once a release, and a test compares them with what is installed.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "src/modelyard/spec/catalog"
Arguments = tuple[str, str]
"""Names of the required and of the optional arguments, each separated by spaces."""

_GX_OWN = {
    "batch_id", "catch_exceptions", "description", "id", "meta", "notes", "rendered_content", "result_format",
    "severity", "windows", "library_metadata", "condition_parser",
}  # fmt: skip


def great_expectations() -> dict[str, Arguments]:
    from great_expectations.expectations import core
    from great_expectations.expectations.expectation import Expectation

    found = {}
    for name in dir(core):
        kind = getattr(core, name)
        if not (isinstance(kind, type) and issubclass(kind, Expectation)) or name == "Expectation":
            continue
        fields = {field: one.required for field, one in kind.__fields__.items() if field not in _GX_OWN}
        found[getattr(kind, "expectation_type", None) or _snake(name)] = _arguments(fields)
    return found


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def evidently() -> dict[str, Arguments]:
    import evidently.metrics
    import evidently.presets
    from evidently.core.container import MetricContainer
    from evidently.core.metric_types import Metric

    found = {}
    for module in (evidently.presets, evidently.metrics):
        for name in dir(module):
            kind = getattr(module, name)
            if isinstance(kind, type) and issubclass(kind, (Metric, MetricContainer)):
                found[name] = _arguments(_constructor(kind))
    return found


def _constructor(kind: type) -> dict[str, bool]:
    import inspect

    own = {"self", "include_tests", "tests", "args", "kwargs", "data", "type", "__pydantic_self__"}
    fields = {name: one.required for name, one in getattr(kind, "__fields__", {}).items() if name not in own}
    if "__init__" not in kind.__dict__:
        return fields
    parameters = inspect.signature(kind.__init__).parameters.values()
    named = [
        one for one in parameters if one.name not in own and not one.name.endswith("_tests") and one.kind not in (2, 4)
    ]
    return {one.name: one.default is one.empty for one in named} or fields


def sklearn() -> dict[str, tuple[str, str]]:
    """Estimator → its task and its constructor's parameters."""
    from sklearn.utils import all_estimators

    found = {}
    for kind, task in (("classifier", "classify"), ("regressor", "regress")):
        for name, estimator in all_estimators(type_filter=kind):
            needs = getattr(estimator, "_required_parameters", None) or _required(estimator)
            if needs or name.startswith(("Multi", "Dummy", "_")) or "CCA" in name or "PLS" in name:
                continue
            found[name] = (task, " ".join(sorted(estimator._get_param_names())))
    return found


def _required(estimator: type) -> bool:
    import inspect

    parameters = list(inspect.signature(estimator.__init__).parameters.values())[1:]
    return any(one.default is one.empty and one.kind not in (2, 4) for one in parameters)


def ultralytics() -> tuple[str, ...]:
    from ultralytics.utils import DEFAULT_CFG_DICT

    return tuple(sorted(DEFAULT_CFG_DICT))


def _arguments(required: Mapping[str, bool | None]) -> Arguments:
    needed = sorted(name for name, is_needed in required.items() if is_needed)
    return " ".join(needed), " ".join(sorted(set(required) - set(needed)))


_HEAD = '"""{what} Written by `tools/catalog.py`."""\n\n# fmt: off\n'


def _table(name: str, what: str, rows: Mapping[str, tuple[str, str]]) -> str:
    lines = "".join(f"    {key!r}: {value!r},\n" for key, value in sorted(rows.items())).replace("'", '"')
    return f"{_HEAD.format(what=what)}# ruff: noqa: E501\n\n{name}: dict[str, tuple[str, str]] = {{\n{lines}}}\n"


def _words(name: str, what: str, words: tuple[str, ...]) -> str:
    lines = "".join(f'    "{word}",\n' for word in words)
    return f"{_HEAD.format(what=what)}\n{name} = (\n{lines})\n"


TABLES: dict[str, tuple[str, str, Callable[[], Any]]] = {
    "gx_names.py": ("EXPECTATIONS", "Great Expectations: name → its arguments.", great_expectations),
    "evidently_names.py": (
        "CHECKS",
        "Evidently: name → its arguments.",
        evidently,
    ),
    "sklearn_names.py": ("ESTIMATORS", "scikit-learn: estimator → its task, and its parameters.", sklearn),
    "ultralytics_names.py": ("PARAMETERS", "ultralytics: the keys of its configuration.", ultralytics),
}


def render(file: str) -> str:
    name, what, collect = TABLES[file]
    rows = collect()
    return _words(name, what, rows) if isinstance(rows, tuple) else _table(name, what, rows)


def main() -> int:
    stale = []
    for file in TABLES:
        text = render(file)
        path = FOLDER / file
        if not path.exists() or path.read_text() != text:
            stale.append(file)
            if "--check" not in sys.argv:
                path.write_text(text)
    print(f"{'stale' if '--check' in sys.argv else 'written'}: {', '.join(stale) or 'nothing'}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
