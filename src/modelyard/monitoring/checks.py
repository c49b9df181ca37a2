"""Drift checks: Evidently by its own names and arguments.

Evidently reports to its makers unless told not to (`DO_NOT_TRACK`), and its 0.7.23 does not import beside pandas 3.1.
"""

import os
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.monitoring.frames import Pair
from modelyard.nearest import did_you_mean


@dataclass(frozen=True, slots=True)
class Outcome:
    """`values` is what rules call `checks`; `snapshot` is Evidently's own report."""

    values: Mapping[str, Any]
    snapshot: Any

    def write(self, folder: Path) -> None:
        self.snapshot.save_html(str(folder / "report.html"))
        self.snapshot.save_json(str(folder / "report.json"))


def run_checks(pair: Pair, wanted: Sequence[Mapping[str, Any]], address: str) -> Outcome:
    """Run the checks. Raises ModelyardError for a name or arguments that Evidently does not know."""
    evidently = _library()
    items = [_item(entry, f"{address}.checks[{number}]") for number, entry in enumerate(wanted)]
    definition = evidently.DataDefinition(numerical_columns=pair.numbers, categorical_columns=pair.categories)
    reference = evidently.Dataset.from_pandas(pair.reference, data_definition=definition)
    current = evidently.Dataset.from_pandas(pair.current, data_definition=definition)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            snapshot = evidently.Report(items, include_tests=True).run(current, reference)
            told = snapshot.dict()
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelyardError(
            f"Evidently could not check: {reason}",
            address=f"{address}.checks",
            code="check-failed",
            fix="See whether the check fits the data's columns.",
        ) from error
    return Outcome(values_of(told), snapshot)


def _library() -> Any:
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        import evidently
    except ImportError as error:
        raise ModelyardError(
            f"Evidently cannot be imported: {error}",
            code="missing-package",
            fix="Install it: pip install 'modelyard[monitor]' (with pandas before 3.1).",
        ) from error
    return evidently


def _item(entry: Mapping[str, Any], where: str) -> Any:
    from evidently import metrics, presets

    found = getattr(presets, entry["name"], None) or getattr(metrics, entry["name"], None)
    if found is None:
        known = [*presets.__all__, *metrics.__all__]
        raise ModelyardError(
            f"Evidently has no `{entry['name']}`",
            address=where,
            code="unknown-check",
            fix=did_you_mean(entry["name"], known, "It has", 16),
        )
    try:
        return found(**(entry.get("kwargs") or {}))
    except (TypeError, ValueError) as error:
        reason = str(error).replace("\n", " ")
        raise ModelyardError(
            f"{entry['name']}: {reason}", address=where, code="bad-check", fix="Arguments are Evidently's own."
        ) from error


def values_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """Evidently's metrics as names that a rule can use.

    `drift_share`, `drifted_columns`, `drift.<column>` (the score), `drifted.<column>` (true or false), `tests`,
    `tests_failed`; any other metric by its name in snake case, below it its column or its label where it has one.
    """
    tests = told.get("tests", ())
    values: dict[str, Any] = {
        "tests": len(tests),
        "tests_failed": sum(_status(test) == "FAIL" for test in tests),
        "drift": {},
        "drifted": _drifted(tests),
    }
    for metric in told.get("metrics", ()):
        config = metric.get("config") or {}
        kind, value = str(config.get("type", "")).rsplit(":", 1)[-1], metric.get("value")
        if kind == "DriftedColumnsCount" and isinstance(value, Mapping):
            values["drift_share"], values["drifted_columns"] = float(value["share"]), int(value["count"])
        elif kind == "ValueDrift":
            values["drift"][config["column"]] = _plain(value)
        elif kind:
            _put(values, snake(kind), config.get("column"), _plain(value))
    return values


def _put(values: dict[str, Any], name: str, column: Any, value: Any) -> None:
    if isinstance(column, str):
        values.setdefault(name, {})[column] = value
    else:
        values[name] = value


def _status(test: Mapping[str, Any]) -> str:
    return str(test.get("status", "")).rsplit(".", 1)[-1]


def _drifted(tests: Sequence[Mapping[str, Any]]) -> dict[str, bool]:
    found = {}
    for test in tests:
        params = (test.get("metric_config") or {}).get("params") or {}
        if str(params.get("type", "")).endswith(":ValueDrift") and isinstance(params.get("column"), str):
            found[params["column"]] = _status(test) == "FAIL"
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return int(number) if isinstance(value, int) else number


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
