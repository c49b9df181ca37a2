"""The report of an expectation's run: `report.json` for programs, `report.html` for people."""

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from modelyard.steps.expectations.check import Check


def write_report(folder: Path, address: str, severity: str, size: str, checks: Sequence[Check]) -> None:
    failed = sum(not check.passed for check in checks)
    report: dict[str, Any] = {
        "address": address,
        "severity": severity,
        "passed": not failed,
        "data": size,
        "failed": failed,
        "checks": [check.to_json() for check in checks],
    }
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1, ensure_ascii=False, default=str)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    (folder / "report.html").write_text(_html(report, checks), encoding="utf-8")


def _html(report: dict[str, Any], checks: Sequence[Check]) -> str:
    from jinja2 import Environment

    template = files("modelyard.steps.expectations").joinpath("report.html.j2").read_text(encoding="utf-8")
    return (
        Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        .from_string(template)
        .render(report=report, checks=checks)
    )
