"""A monitor over logged predictions: windows, reports, rules, messages."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelyard.errors import ModelyardError
from modelyard.monitoring.checks import snake, values_of
from modelyard.monitoring.frames import align, folder_frame, prediction_frame
from modelyard.monitoring.predictions import read_window
from modelyard.monitoring.reports import KEPT, new_report
from modelyard.monitoring.rules import judge
from modelyard.monitoring.window import flat
from modelyard.steps import ingest, monitor
from modelyard.steps.data.parquet import write_table

pytestmark = pytest.mark.e2e

DRIFT = {"name": "DataDriftPreset", "kwargs": {"drift_share": 0.5}}


def rows(number: int, shift: float = 0.0) -> list[dict[str, Any]]:
    random = np.random.default_rng(7)
    return [
        {"distance": float(distance) + shift, "carrier": "AA" if shift else carrier}
        for distance, carrier in zip(random.normal(1000, 100, number), random.choice(["UA", "AA"], number), strict=True)
    ]


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    folder = tmp_path / "reference"
    folder.mkdir()
    made = rows(600)
    columns = {name: [row[name] for row in made] for name in ("distance", "carrier")}
    write_table(folder, pa.table({**columns, "flight_id": range(600), "late": [True, False] * 300}), key=["flight_id"])
    return folder


@pytest.fixture
def predict(tmp_path: Path) -> Callable[..., None]:
    """Log predictions as the server does."""

    def log(sent: list[dict[str, Any]], **outputs: Any) -> None:
        folder = tmp_path / ".modelyard/predictions/api"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "2026-01-01.jsonl").open("a") as stream:
            for row in sent:
                stream.write(
                    json.dumps({"id": "i", "at": "2026-01-01T00:00:00Z", "inputs": row, "outputs": outputs}) + "\n"
                )

    return log


@pytest.fixture
def watch(context: Callable[..., Any], reference: Path) -> Callable[..., Any]:
    """`watch(**config)` → the context of a monitor of serving.api; what it emits is in `events`."""

    def build(**config: Any) -> Any:
        given = {"service": "serving.api", "every": 3600.0, "checks": [DRIFT], "notifications": {}, **config}
        ctx = context(
            "monitoring.drift",
            "monitor",
            given,
            [],
            inputs={"reference": reference},
            tracking=config.pop("tracking", None),
        )
        object.__setattr__(ctx, "events", [])
        object.__setattr__(ctx, "emit", ctx.events.append)
        return ctx

    return build


def latest(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / ".modelyard/reports/drift/latest.json").read_text())
    return found


def test_a_window_is_compared_reported_and_judged(watch: Any, predict: Any, inbox: Any, tmp_path: Path) -> None:
    rule = {
        "if": "checks.drift_share > 0.3 && rows >= 100",
        "for": 2,
        "then": [{"notify": "ops"}, {"run": "registry.late"}],
    }
    ctx = watch(when=[rule], notifications={"ops": {"url": [inbox.url], "events": ["failure"]}})
    predict(rows(300))
    calm = monitor.run_once(ctx)
    assert (calm["status"], calm["rows"], calm["checks"]["drift_share"]) == ("ok", 300, 0.0)
    assert calm["checks"]["drifted"] == {"distance": False, "carrier": False}
    assert calm["passed_over"] == {"late": "not in what was sent"}
    report = tmp_path / calm["report"]
    assert report.stat().st_size > 10_000
    assert json.loads((report.parent / "report.json").read_text())

    predict(rows(300, shift=500))
    first = monitor.run_once(ctx)
    assert (first["status"], first["rules"][0]["streak"], first["told"]) == ("alert", 1, [])
    predict(rows(300, shift=500))
    second = monitor.run_once(ctx)
    assert second["rules"][0]["fires"]
    assert second["told"] == [
        {"notify": "ops", "sent": True, "error": None},
        {"run": "registry.late", "sent": False, "error": "not supported yet"},
    ]
    assert inbox.received[0]["title"] == "Drift at monitoring.drift"
    assert "Drifted: carrier, distance." in inbox.received[0]["message"]
    predict(rows(300, shift=500))
    assert monitor.run_once(ctx)["told"] == []  # told once, not every hour
    assert latest(tmp_path)["window"] == 4


def test_nothing_sent_is_no_window(watch: Any, tmp_path: Path) -> None:
    assert monitor.run_once(watch())["status"] == "no-data"
    assert latest(tmp_path)["window"] == 0


def test_windows_of_a_number_of_predictions(watch: Any, predict: Any) -> None:
    ctx = watch(window=100)
    predict(rows(99))
    assert monitor.run_once(ctx) is None
    predict(rows(102))
    assert [monitor.run_once(ctx)["rows"] for _ in range(2)] == [100, 100]
    assert monitor.run_once(ctx) is None


def test_a_check_that_cannot_run_is_told_and_the_next_window_comes(watch: Any, predict: Any) -> None:
    ctx = watch(checks=[{"name": "DataDriftPresett", "kwargs": {}}])
    predict(rows(10))
    assert monitor.run_once(ctx)["error"] == "Evidently has no `DataDriftPresett`"
    assert any("did you mean `DataDriftPreset`" in event.get("text", "") for event in ctx.events)
    assert monitor.run_once(ctx)["status"] == "no-data"


def test_arguments_that_evidently_does_not_know(watch: Any, predict: Any) -> None:
    ctx = watch(checks=[{"name": "DataDriftPreset", "kwargs": {"share": 1}}])
    predict(rows(10))
    assert "share" in monitor.run_once(ctx)["error"]


def test_other_metrics_go_by_their_name_and_column(watch: Any, predict: Any) -> None:
    ctx = watch(checks=[{"name": "MeanValue", "kwargs": {"column": "distance"}}, {"name": "RowCount"}])
    predict(rows(50))
    checks = monitor.run_once(ctx)["checks"]
    assert checks["mean_value"]["distance"] == pytest.approx(1000, abs=60)
    assert checks["row_count"] == 50


def test_images_are_compared_by_their_numbers(
    context: Any, picture: Any, write_csv: Any, predict: Any, tmp_path: Path
) -> None:
    for number in range(30):
        picture(tmp_path / f"d/{number}.png", grey=60 + number)
        write_csv(f"d/{number}.txt", "0 0.5 0.5 0.2 0.2\n" * (1 + number % 3))
    source = context(
        "sources.s", "ingest", {"type": "images", "path": "d", "labels": "yolo", "classes": ["cat", "dog"]}, ["data"]
    )
    ingest.run(source)
    for number in range(30):
        predict(
            [{"width": 16, "height": 16, "bytes": 80, "brightness": 0.9 + number / 1000, "contrast": 0.0}],
            boxes=2,
            classes={"cat": 2},
        )
    ctx = context(
        "monitoring.drift",
        "monitor",
        {"service": "serving.api", "checks": [DRIFT]},
        [],
        inputs={"reference": source.outputs["data"]},
    )
    checks = monitor.run_once(ctx)["checks"]
    assert checks["drifted"]["brightness"] is True
    assert checks["drifted"]["width"] is False
    assert {"boxes", "class_cat", "class_dog"} <= set(checks["drift"])


def test_a_source_is_checked_once_for_each_of_its_versions(context: Any, reference: Path) -> None:
    from modelyard.task import Artifact

    ctx = context(
        "monitoring.drift",
        "monitor",
        {"source": "sources.new", "checks": [DRIFT]},
        [],
        inputs={"reference": reference, "data": reference},
    )
    object.__setattr__(ctx.document, "inputs", {"data": Artifact("b3:1")})
    assert monitor.run_once(ctx)["rows"] == 600
    assert monitor.run_once(ctx) is None
    object.__setattr__(ctx.document, "inputs", {"data": Artifact("b3:2")})
    assert monitor.run_once(ctx)["window"] == 2


def test_the_loop_checks_and_stops_when_told(watch: Any, predict: Any, tmp_path: Path) -> None:
    predict(rows(60))
    stop = threading.Event()
    thread = threading.Thread(target=monitor.watch, args=(watch(every=0.05), stop))
    thread.start()
    deadline = time.monotonic() + 60
    while not (tmp_path / ".modelyard/reports/drift/state.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    assert json.loads((tmp_path / ".modelyard/reports/drift/state.json").read_text())["windows"] == 1


def test_a_look_at_its_time_ends_by_itself(
    watch: Any, predict: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict(rows(60))
    monkeypatch.setenv("MODELYARD_ONCE", "1")
    monitor.serve(watch())
    monitor.serve(watch())
    assert json.loads((tmp_path / ".modelyard/reports/drift/state.json").read_text())["windows"] == 1


def test_each_server_of_several_logs_to_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from modelyard.monitoring.predictions import read_window
    from modelyard.serving.predictions import PredictionLog

    folder = tmp_path / "api"
    for replica in ("api-1", "api-2"):
        monkeypatch.setenv("MODELYARD_REPLICA", replica)
        log = PredictionLog(folder)
        log.start()
        log.add({"id": replica, "at": "2026-01-01T00:00:00Z", "inputs": {}})
        log.close()
    assert sorted(path.name for path in folder.iterdir()) == ["2026-01-01.api-1.jsonl", "2026-01-01.api-2.jsonl"]
    assert [entry["id"] for entry in read_window(folder, {}).entries] == ["api-1", "api-2"]


def test_numbers_reach_mlflow_as_one_run_a_monitor(watch: Any, predict: Any, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    ctx = watch(tracking={"uri": "sqlite:///.modelyard/mlflow.db"})
    for _ in range(2):
        predict(rows(60))
        monitor.run_once(ctx)
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/.modelyard/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("p").experiment_id])
    assert run.info.run_name == "monitoring.drift"
    assert [(metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, "drift_share")] == [
        (1, 0.0),
        (2, 0.0),
    ]


def test_a_tracking_server_that_is_down_is_a_warning(watch: Any, predict: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    ctx = watch(tracking={"uri": "http://127.0.0.1:9"})
    predict(rows(60))
    assert monitor.run_once(ctx)["status"] == "ok"
    assert any("could not log to MLflow" in event.get("text", "") for event in ctx.events)


def test_a_torn_line_is_left_for_later_and_a_broken_one_passed_over(tmp_path: Path) -> None:
    good = b'{"inputs": {"a": 1}}\n'
    (tmp_path / "1.jsonl").write_bytes(good + b"nonsense\n" + good + good[:9])
    first = read_window(tmp_path, {})
    assert (len(first.entries), first.broken) == (2, 1)
    with (tmp_path / "1.jsonl").open("ab") as stream:
        stream.write(good[9:])
    (tmp_path / "2.jsonl").write_bytes(good)
    assert len(read_window(tmp_path, first.cursor).entries) == 2
    assert len(read_window(tmp_path, first.cursor, 1).entries) == 1


def test_only_what_can_be_compared_is(tmp_path: Path) -> None:
    table = pa.table(
        {
            "ok": [1, 2, 3],
            "flag": [True, False, True],
            "hashed": ["x", "y", "z"],
            "at": pa.array([0, 1, 2], pa.timestamp("us")),
            "text": [1.0, 2.0, 3.0],
            "gone": [1, 2, 3],
        }
    )
    write_table(tmp_path, table)
    sent = {"ok": 2, "flag": True, "hashed": "h:0123", "at": "2020-01-01", "text": "words"}
    pair = align(folder_frame(tmp_path), prediction_frame([{"inputs": sent}] * 2))
    assert (pair.numbers, pair.categories) == (["ok"], ["flag"])
    assert pair.reference["flag"].tolist() == ["true", "false", "true"]
    assert pair.passed_over == {
        "hashed": "logged as a hash",
        "at": "holds times, which always move on",
        "text": "numbers in the reference, text in what was sent",
        "gone": "not in what was sent",
    }
    with pytest.raises(ModelyardError, match="no column can be compared"):
        align(folder_frame(tmp_path), prediction_frame([{"inputs": {"other": 1}}]))


def test_rules_count_windows_in_a_row_and_fire_once() -> None:
    rule = {"if": "checks.drift_share > 0", "for": 2, "then": []}
    streaks: dict[str, int] = {}
    fired = []
    for share in (0.5, 0.5, 0.5, 0.0, 0.5, 0.5):
        (verdict,) = judge([rule], {"drift_share": share}, 1, streaks)
        streaks = {verdict.condition: verdict.streak}
        fired.append(verdict.fires)
    assert fired == [False, True, False, False, False, True]


@pytest.mark.parametrize(
    "condition", ["checks.nothing > 1", "chekcs.drift_share > 1", "checks.drift_share >", "'a' > 1"]
)
def test_a_rule_that_cannot_be_computed_says_why_and_does_not_count(condition: str) -> None:
    (verdict,) = judge([{"if": condition, "for": 1, "then": []}], {"drift_share": 2.0}, 1, {condition: 0})
    assert verdict.holds is None
    assert not verdict.fires
    assert verdict.error


def test_old_reports_go(tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(KEPT + 3):
        new_report(tmp_path, start + timedelta(hours=number))
    names = sorted(entry.name for entry in tmp_path.iterdir())
    assert len(names) == KEPT
    assert names[0].startswith("2026-01-01T03")


def test_names_of_checks() -> None:
    assert [snake(name) for name in ("RocAuc", "MAE", "FBetaTopK", "RowCount")] == [
        "roc_auc",
        "mae",
        "f_beta_top_k",
        "row_count",
    ]
    assert values_of({"metrics": [], "tests": []}) == {"tests": 0, "tests_failed": 0, "drift": {}, "drifted": {}}
    assert flat({"a": {"b": 1, "c": True, "d": "x", "e": float("nan")}}) == {"a.b": 1.0, "a.c": 1.0}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    import logging

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    yield
