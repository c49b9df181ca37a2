"""What a person wants to know once apply or destroy has ended."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from modelyard.cli.options import Common

if TYPE_CHECKING:
    from modelyard.apply.report import ApplyReport, NodeReport


_TRACKED = {"train", "evaluate", "tune", "register"}
INTERRUPTED = 130


def exit_code(report: "ApplyReport") -> int:
    return 0 if report.ok else INTERRUPTED if report.cancelled else 1


def print_report(report: "ApplyReport", common: Common) -> None:
    """Failures with their logs' ends, then where things answer, then one closing line."""
    for failure in report.failures:
        _failure(failure, common)
    for line in _left_out(report):
        click.echo(line, err=True)
    for warning in report.warnings:
        click.echo(f"warning: {warning}", err=True)
    common.say(_closing(report))


def _left_out(report: "ApplyReport") -> Iterator[str]:
    """What was not even begun, and why: by the node that failed, then what there was no turn for."""
    below: dict[str, list[str]] = {}
    for node in report.nodes:
        if node.outcome == "blocked":
            below.setdefault(node.cause, []).append(node.address)
    for cause, addresses in below.items():
        yield f"Not run, because {cause} failed and its result is needed: {', '.join(addresses)}"
    waiting = [node.address for node in report.nodes if node.outcome == "not-started"]
    if waiting:
        yield f"Not started, because apply stopped at a failure: {', '.join(waiting)}"


def _failure(node: "NodeReport", common: Common) -> None:
    head = click.style(f"✗ {node.address}", fg="red", bold=True)
    click.echo(f"\n{head}  {node.reason or node.status}", err=True, color=common.color)
    for line in node.tail[-15:]:
        click.echo(f"  │ {line}", err=True)
    if node.log:
        click.echo(f"  the whole log: modelyard logs {node.address}   ({node.log})", err=True)
    if node.fix:
        click.echo(f"  {node.fix}", err=True)


def _closing(report: "ApplyReport") -> str:
    from modelyard.plan.quantities import duration

    parts = [f"{address} {url}" for address, url in report.urls.items()]
    if report.tracking.startswith("sqlite") and any(node.kind in _TRACKED for node in report.nodes):
        parts.append(f"Tracking: mlflow ui --backend-store-uri {report.tracking}")
    elif report.tracking.startswith("http") and not any(report.tracking in part for part in parts):
        parts.append(f"Tracking {report.tracking}")
    parts.append(duration(report.seconds))
    if report.ok:
        parts.append("nothing left to do")
    else:
        kept = sum(node.ok for node in report.nodes)
        verb = "is" if kept == 1 else "are"
        parts.append(f"{kept} of {len(report.nodes)} {verb} done and kept; `modelyard apply` goes on from there")
    return "\n" + " · ".join(parts)
