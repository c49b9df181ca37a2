"""Expectations and monitoring checks: names and arguments that their library has, columns that the data has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.nearest import did_you_mean
from modelyard.spec.catalog.expectations import expectations
from modelyard.spec.checks.addresses import Addresses, Named, take_apart
from modelyard.spec.checks.expressions import check_condition
from modelyard.spec.checks.findings import At, Findings
from modelyard.spec.checks.schemas import Schemas

if TYPE_CHECKING:
    from modelyard.spec.model.expectations import CheckSettings
    from modelyard.spec.model.monitoring import Action, Monitor

_COLUMNS = ("column", "column_A", "column_B")
_COLUMN_LISTS = ("column_list", "columns")
MONITOR_NAMES = {"checks": None, "rows": None}
"""What a monitor's condition may use: results by name, and how many rows were looked at."""


def check_expectations(findings: Findings, addresses: Addresses, schemas: Schemas) -> None:
    for name, expectation in findings.spec.expectations.items():
        named = take_apart(expectation.data)
        if named is None or named.name not in getattr(findings.spec, named.section, {}):
            continue
        kind = addresses.data_type(named) or ""
        known = expectations(kind)
        if not known and kind:
            what = f"`{expectation.data}` holds {kind}: there are expectations of tables and images only"
            findings.add(("expectations", name, "data"), what, "", "expectation")
            continue
        columns = schemas.of(named)
        for index, check in enumerate(expectation.expect):
            at: At = ("expectations", name, "expect", index)
            if check.name not in known and kind:
                what = f"there is no expectation `{check.name}` of {'tables' if kind == 'table' else kind}"
                findings.unknown(at, check.name, what, list(known), kind="Expectations", code="expectation")
            elif kind:
                _check_arguments(findings, at, check, known[check.name])
                _check_columns(schemas, at, check, columns, named)


def check_monitoring(findings: Findings, schemas: Schemas) -> None:
    from modelyard.spec.catalog.evidently_names import CHECKS

    for name, monitor in findings.spec.monitoring.items():
        for index, check in enumerate(monitor.checks):
            at: At = ("monitoring", name, "checks", index)
            if check.name not in CHECKS:
                findings.unknown(
                    at, check.name, f"Evidently has no `{check.name}`", list(CHECKS), kind="It has", code="monitoring"
                )
            else:
                _check_arguments(findings, at, check, CHECKS[check.name])
        if monitor.every is not None and monitor.window is not None:
            findings.add(
                ("monitoring", name, "window"),
                "has both `every` and `window`",
                "Keep one of the two",
                "monitoring",
                key=True,
            )
        _check_rules(findings, name, monitor)


def _check_rules(findings: Findings, name: str, monitor: Monitor) -> None:
    for number, rule in enumerate(monitor.when):
        at: At = ("monitoring", name, "when", number)
        check_condition(findings, (*at, "if"), rule.if_, MONITOR_NAMES)
        for index, action in enumerate(rule.then):
            _check_action(findings, (*at, "then", index), action)


def _check_action(findings: Findings, at: At, action: Action) -> None:
    if (action.notify is None) == (action.run is None):
        findings.add(at, "an action is one of `notify` and `run`", "Make two actions of two", "monitoring")
    elif action.notify is not None and action.notify not in findings.spec.notifications:
        what = f"there is no `notifications.{action.notify}`"
        known = list(findings.spec.notifications)
        findings.unknown((*at, "notify"), action.notify, what, known, kind="In `notifications`", code="notification")


def _check_arguments(findings: Findings, at: At, check: CheckSettings, arguments: tuple[str, str]) -> None:
    required, optional = arguments[0].split(), arguments[1].split()
    for name in check.kwargs:
        if name not in required and name not in optional:
            known = [*required, *optional]
            what = f"`{check.name}` has no argument `{name}`"
            findings.add(
                (*at, check.name, name),
                what,
                did_you_mean(name, known, "It has") or "It has none",
                "argument",
                key=True,
            )
    missing = [f"`{name}`" for name in required if name not in check.kwargs]
    if missing:
        findings.add((*at, check.name), f"`{check.name}` needs {', '.join(missing)}", "", "argument", key=True)


def _check_columns(
    schemas: Schemas, at: At, check: CheckSettings, columns: tuple[str, ...] | None, named: Named
) -> None:
    if columns is None:
        return
    for key, value in check.kwargs.items():
        if key in _COLUMNS and isinstance(value, str) and check.name != "expect_column_to_exist":
            schemas.check((*at, check.name, key), value, columns, named.node)
        elif key in _COLUMN_LISTS and isinstance(value, list) and not check.name.startswith("expect_table"):
            for index, column in enumerate(value):
                schemas.check((*at, check.name, key, index), str(column), columns, named.node)
