"""One window of a monitor: compare, report, judge, tell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.monitoring.checks import run_checks
from modelyard.monitoring.frames import align, folder_frame, prediction_frame
from modelyard.monitoring.predictions import Window
from modelyard.monitoring.reports import monitor_folder, new_report, read_json, write_json
from modelyard.monitoring.rules import Verdict, judge
from modelyard.notifications import send
from modelyard.wording import counted


@dataclass
class Monitor:
    """A `monitoring.x` node where it runs. The reference is read once."""

    address: str
    config: Mapping[str, Any]
    root: Path
    reference: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    emit: Callable[[Mapping[str, Any]], None] = lambda event: None
    log_metrics: Callable[[Mapping[str, float], int], None] = lambda metrics, step: None
    _frame: Any = None

    @property
    def folder(self) -> Path:
        return monitor_folder(self.root, self.address)

    @property
    def state(self) -> dict[str, Any]:
        """`cursor`, `windows` (how many there were), `streaks` by condition."""
        return read_json(self.folder / "state.json")

    def reference_frame(self) -> Any:
        if self._frame is None:
            self._frame = folder_frame(self.reference)
        return self._frame


def check_predictions(monitor: Monitor, window: Window) -> dict[str, Any]:
    """Check a window of predictions, and go on behind it whatever comes of it."""
    frame = prediction_frame(window.entries) if window.entries else None
    return _check(monitor, frame, len(window.entries), {"cursor": window.cursor}, {"broken_lines": window.broken})


def check_folder(monitor: Monitor, data: Path, digest: str) -> dict[str, Any]:
    """Check a source's data, known by its digest."""
    frame = folder_frame(data)
    return _check(monitor, frame, len(frame), {"data": digest}, {})


def _check(
    monitor: Monitor, current: Any, rows: int, progress: Mapping[str, Any], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """What `latest.json` says: `status` is `ok`, `alert` (a rule's condition holds), `no-data` or `error`."""
    state, at = monitor.state, datetime.now(UTC)
    number = int(state.get("windows", 0)) + 1
    latest: dict[str, Any] = {
        "monitor": monitor.address,
        "at": at.isoformat(timespec="seconds"),
        "window": number,
        "rows": rows,
        **facts,
    }
    streaks = state.get("streaks", {})
    if current is None:
        latest |= {"status": "no-data", "window": number - 1}
        write_json(monitor.folder / "latest.json", latest)
        return latest
    try:
        verdicts = _compare(monitor, current, rows, streaks, at, latest)
    except ModelyardError as error:
        latest |= {"status": "error", "error": error.what, "fix": error.fix}
        monitor.emit({"event": "warning", "text": f"{error.what}. {error.fix or ''}".strip()})
    else:
        streaks = {verdict.condition: verdict.streak for verdict in verdicts}
        latest["told"] = [told for verdict in verdicts if verdict.fires for told in _act(monitor, verdict, latest)]
    write_json(monitor.folder / "latest.json", latest)
    write_json(monitor.folder / "state.json", {**state, **progress, "windows": number, "streaks": streaks})
    return latest


def _compare(
    monitor: Monitor, current: Any, rows: int, streaks: Mapping[str, int], at: datetime, latest: dict[str, Any]
) -> list[Verdict]:
    reference = monitor.reference_frame()
    pair = align(reference, current)
    outcome = run_checks(pair, monitor.config["checks"], monitor.address)
    verdicts = judge(monitor.config.get("when", ()), outcome.values, rows, streaks)
    folder = new_report(monitor.folder, at)
    outcome.write(folder)
    latest |= {
        "status": "alert" if any(verdict.holds for verdict in verdicts) else "ok",
        "reference_rows": len(reference),
        "checks": dict(outcome.values),
        "passed_over": dict(pair.passed_over),
        "rules": [verdict.to_json() for verdict in verdicts],
        "report": str((folder / "report.html").relative_to(monitor.root)),
    }
    write_json(folder / "window.json", latest)
    monitor.log_metrics({"rows": rows, **flat(outcome.values)}, latest["window"])
    for verdict in verdicts:
        if verdict.error:
            monitor.emit(
                {"event": "warning", "text": f"the rule `{verdict.condition}` cannot be computed: {verdict.error}"}
            )
    share = outcome.values.get("drift_share")
    told = "" if share is None else f", drift share {share:.2f}"
    monitor.emit(
        {"event": "note", "text": f"window {latest['window']}: {counted(rows, 'row')}, {latest['status']}{told}"}
    )
    return verdicts


def _act(monitor: Monitor, verdict: Verdict, latest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Carry out what a rule asks for. A message that cannot be sent is noted; the monitor goes on."""
    done: list[dict[str, Any]] = []
    channels = monitor.config.get("notifications", {})
    for action in verdict.then:
        if action.get("notify"):
            name = action["notify"]
            title, body = message(monitor, verdict, latest)
            delivery = send(name, channels.get(name, {}), "drift", title, body, settings=monitor.settings)
            done.append({"notify": name, "sent": delivery.sent, "error": delivery.error})
            text = f"told {name}: {title}" if delivery.sent else f"could not tell {name}: {delivery.error}"
            monitor.emit({"event": "note" if delivery.sent else "warning", "text": text})
        elif action.get("run"):
            done.append({"run": action["run"], "sent": False, "error": "not supported yet"})
            monitor.emit(
                {
                    "event": "warning",
                    "text": f"run: {action['run']} is not supported yet; run `modelyard apply` yourself",
                }
            )
    return done


def message(monitor: Monitor, verdict: Verdict, latest: Mapping[str, Any]) -> tuple[str, str]:
    """Title and text of a rule's message: what holds, what drifted, where the report is."""
    checks = latest["checks"]
    drifted = ", ".join(sorted(name for name, moved in checks.get("drifted", {}).items() if moved))
    windows = f", {verdict.needed} windows in a row" if verdict.needed > 1 else ""
    lines = [
        f"{verdict.condition} holds{windows}: {counted(latest['rows'], 'row')} against {latest['reference_rows']:,}.",
        f"Drifted: {drifted}." if drifted else "",
        f"Report: {monitor.root / latest['report']}",
    ]
    return f"Drift at {monitor.address}", "\n".join(line for line in lines if line)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Numbers by dotted name, as trackers take them."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, (int, float)) and value == value and abs(value) != float("inf"):  # noqa: PLR0124 - NaN
            found[f"{prefix}{name}"] = float(value)
    return found
