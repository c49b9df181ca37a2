"""What apply shows while it works: live bars on a terminal, one line an event elsewhere."""

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.options import Common
from modelyard.plan.quantities import duration

if TYPE_CHECKING:
    from modelyard.apply.events import ApplyEvent
    from modelyard.apply.report import NodeReport

_QUIET_INTERVAL = 15.0
"""Where nobody watches a bar, a line of progress comes at most so often (seconds)."""

_SCORED = {"train", "evaluate", "tune"}
"""Kinds whose metrics a person wants to see; the others say themselves what they did."""

_COLORS = {"done": "green", "restored": "green", "failed": "red", "cancelled": "yellow", "blocked": "yellow"}


class Progress:
    """A callable that takes apply's events; a context manager, since live bars must be taken down again."""

    def __init__(self, common: Common, *, color: bool) -> None:
        self._common = common
        self._color = color
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> "Progress":
        if sys.stderr.isatty() and not self._common.quiet:
            self._bars = _bars(self._color)
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, event: "ApplyEvent") -> None:
        from modelyard.apply import events

        with self._lock:
            match event:
                case events.LockWaiting(holder=holder):
                    self._print(f"waiting: the state is held by {holder}")
                case events.NodeStarted():
                    self._started(event.address)
                case events.NodeEvent():
                    self._event(event.address, event.event)
                case events.NodeRetry():
                    again = f"in {duration(event.wait)}" if event.wait else "now"
                    self._print(f"  {event.address}: attempt {event.attempt} failed ({event.reason}); again {again}")
                case events.NodeFinished(report=report):
                    self._finished(report)
                case _:
                    pass

    def _started(self, address: str) -> None:
        if self._bars is not None:
            if address not in self._tasks:
                self._tasks[address] = self._bars.add_task(address, total=None, text="")
        elif self._common.verbose:
            self._print(f"… {address}")

    def _event(self, address: str, event: Any) -> None:
        kind = event.get("event")
        if kind == "progress":
            self._progress(address, event)
        elif kind == "warning":
            self._print(f"  {address}: warning: {event.get('text', '')}")
        elif kind == "note" and self._common.verbose:
            self._print(f"  {address}: {event.get('text', '')}")

    def _progress(self, address: str, event: Any) -> None:
        values = "  ".join(f"{name} {value:.3g}" for name, value in (event.get("values") or {}).items())
        text = "  ".join(part for part in (str(event.get("text") or ""), values) if part)
        done, total = float(event.get("done") or 0), float(event.get("total") or 0)
        if self._bars is not None and address in self._tasks:
            self._bars.update(self._tasks[address], completed=done, total=total or None, text=text)
        elif self._bars is None and time.monotonic() - self._said.get(address, 0.0) >= _QUIET_INTERVAL:
            self._said[address] = time.monotonic()
            share = f"{done / total:.0%}" if total else ""
            self._print(f"… {address:<28} {text}  {share}")

    def _finished(self, report: "NodeReport") -> None:
        if self._bars is not None and report.address in self._tasks:
            self._bars.remove_task(self._tasks.pop(report.address))
        if report.outcome != "unchanged" or self._common.verbose:
            self._print(finished_line(report, self._color))

    def _print(self, line: str) -> None:
        if self._common.quiet:
            return
        if self._bars is not None:
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(line, err=True)


def finished_line(report: "NodeReport", color: bool) -> str:
    """`✓ training.detector     mAP50 0.923 (+0.011 against production v6)   4 min 02 s`."""
    sign = report.sign
    if color and report.outcome in _COLORS:
        sign = click.style(sign, fg=_COLORS[report.outcome])
    if report.action == "delete" and report.ok:
        return f"- {report.address:<26} taken away"
    word = {"blocked": f"not run: {report.cause} failed", "cancelled": "cancelled"}.get(report.outcome)
    said = report.reason if report.outcome == "failed" else _metrics(report) or report.summary
    parts = [part for part in (word, said, report.url if report.url not in said else "") if part]
    took = f"   {duration(report.seconds)}" if report.outcome in {"done", "failed"} else ""
    return f"{sign} {report.address:<26} {'  '.join(parts)}{took}".rstrip()


def _metrics(report: "NodeReport") -> str:
    if report.kind not in _SCORED:
        return ""
    parts = []
    for metric in report.metrics[:3]:
        change = ""
        if metric.difference is not None and metric.against:
            change = f" ({metric.difference:+.3f} against {metric.against})".replace("-", "−")
        parts.append(f"{metric.name} {metric.value:.3f}{change}")
    return "  ".join(parts)


def _bars(color: bool) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    return Progress(
        SpinnerColumn(), TextColumn("{task.description:<26}"), TextColumn("{task.fields[text]}"),
        BarColumn(bar_width=24), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn(compact=True),
        console=Console(stderr=True, no_color=not color), transient=True,
    )  # fmt: skip
