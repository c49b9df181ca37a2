"""What an apply did, as a person reads it at its end: FACE.md «Apply»."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from modelyard.apply.report import ApplyReport, MetricChange, NodeReport
from modelyard.plan.quantities import duration
from modelyard.plan.style import Meaning, Span, paint

_TAIL = 15
_SHOWN = 300
_SIGNS = {"done": "✓", "restored": "✓", "unchanged": "✓", "failed": "✗", "blocked": "·", "cancelled": "·",
          "not-started": "·"}  # fmt: skip
_MEANINGS: dict[str, Meaning] = {"done": "new", "restored": "new", "failed": "gone"}


def render_report(
    report: ApplyReport, *, root: Path | None = None, color: bool = False, width: int | None = None
) -> str:
    """The nodes that something was done to, failures whole, and the last line. Empty work is one line."""
    lines = [*_nodes(report), *_failures(report, root), _last(report)]
    return "\n".join(paint(line, color, width) for line in lines) + "\n"


def node_line(node: NodeReport, column: int = 0) -> list[Span]:
    """`✓ training.detector     mAP50 0.923 (+0.011 against production v6)   4 min 02 s`."""
    meaning = _MEANINGS.get(node.outcome, "dim")
    head = Span(f"{_SIGNS[node.outcome]} {node.address:<{column}}  ", meaning)
    took = f"   {duration(node.seconds)}" if node.outcome == "done" and node.role == "task" else ""
    return [head, Span(words(node)), Span(took, "dim")]


def words(node: NodeReport) -> str:
    """What came of it, in a few words."""
    match node.outcome:
        case "failed":
            return node.reason
        case "blocked":
            return f"not done: {node.cause} failed"
        case "cancelled":
            return "cancelled" if node.run_id else "not started: cancelled"
        case "not-started":
            return "not started, because of the failure"
        case "restored":
            return ", ".join(part for part in ("restored", node.status, metrics_text(node.metrics)) if part)
        case _:
            return _done_words(node)


def _done_words(node: NodeReport) -> str:
    if node.url:
        return f"{node.url}   {node.summary}".strip()
    return metrics_text(node.metrics) or node.summary or ("taken away" if node.action == "delete" else "done")


def metrics_text(metrics: Sequence[MetricChange], most: int = 3) -> str:
    """The first few, each beside what it was."""
    return ", ".join(_metric(metric) for metric in metrics[:most])


def _metric(metric: MetricChange) -> str:
    text = f"{metric.name} {metric.value:.3f}"
    if metric.difference is None:
        return text
    sign = "−" if metric.difference < 0 else "+"
    return f"{text} ({sign}{abs(metric.difference):.3f} against {metric.against})"


def _nodes(report: ApplyReport) -> Iterator[list[Span]]:
    shown = [node for node in report.nodes if node.outcome != "unchanged"]
    cut = [node for node in shown if node.outcome == "failed"] if len(shown) > _SHOWN else shown
    column = min(max((len(node.address) for node in cut), default=0), 44)
    for node in cut:
        yield node_line(node, column)
        for warning in node.warnings[:5]:
            yield [Span(f"  warning: {warning}", "changed")]
    if len(cut) < len(shown):
        counts = ", ".join(f"{count:,} {outcome}" for outcome, count in report.counts().items())
        yield [Span(counts)]


def _failures(report: ApplyReport, root: Path | None) -> Iterator[list[Span]]:
    for node in report.failures:
        yield []
        tries = f" after {node.attempts} attempts" if node.attempts > 1 else ""
        yield [Span(f"{node.address} failed{tries}", "gone")]
        yield [Span(f"  {node.reason}", "strong")]
        for line in node.tail[-_TAIL:]:
            yield [Span(f"  │ {line}", "dim")]
        if node.log:
            yield [Span(f"  whole log: {_shown_path(node.log, root)}   or: modelyard logs {node.address}")]
        if node.fix:
            yield [Span(f"  {node.fix}")]
    if report.failures or report.cancelled:
        kept = sum(node.ok and node.role == "task" for node in report.nodes)
        yield []
        yield [Span(f"Kept: {kept} finished task{'' if kept == 1 else 's'}. `modelyard apply` goes on from there.")]


def _shown_path(log: str, root: Path | None) -> str:
    path = Path(log)
    return str(path.relative_to(root)) if root and path.is_relative_to(root) else log


def _last(report: ApplyReport) -> list[Span]:
    counts = report.counts()
    left = sum(count for outcome, count in counts.items() if outcome not in {"done", "restored", "unchanged"})
    if not left and set(counts) <= {"unchanged"}:
        return [Span(f"Nothing to do: {counts.get('unchanged', 0):,} unchanged.", "strong")]
    parts = [f"Tracking {report.tracking}"] if report.tracking.startswith("http") else []
    parts.append(duration(report.seconds))
    parts.append("nothing left to do" if not left else f"{left:,} left to do")
    return [Span(" · ".join(parts), "strong")]
