"""The online table answers as the join does, for an instant at or after the last row."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from modelyard.online import OnlineView
from modelyard.steps import features, materialize
from modelyard.steps.data.parquet import write_table

START = datetime(2024, 1, 1, tzinfo=UTC)
VIEW = {
    "entity": ["who"],
    "timestamp": "at",
    "ttl": 60.0,
    "columns": {
        "temp": {"sql": "temp"},
        "sum": {"agg": "sum", "column": "temp", "over": 30.0},
        "n": {"agg": "count", "column": "temp", "over": 30.0},
    },
}


@pytest.fixture
def online(context: Callable[..., Any], tmp_path: Path) -> OnlineView:
    seconds = [0, 10, 20, 25]
    (tmp_path / "s").mkdir()
    write_table(
        tmp_path / "s",
        pa.table(
            {
                "who": ["a", "a", "b", "a"],
                "at": [START + timedelta(seconds=s) for s in seconds],
                "temp": [1.5, 2.0, 9.0, 4.0],
            }
        ),
    )
    built = context("features.v", "features", VIEW, ["table"], inputs={"source": tmp_path / "s"})
    features.run(built)
    folders = []
    for _ in range(2):
        ctx = context(
            "features.v.online",
            "materialize",
            {"name": "v", **VIEW},
            ["online"],
            inputs={"table": built.outputs["table"]},
        )
        assert materialize.run(ctx).summary == "2 entities, 3 features"
        folders.append(ctx.outputs["online"])
    assert len({(folder / "online.db").read_bytes() for folder in folders}) == 1
    return OnlineView(folders[0])


def at(seconds: float) -> float:
    return START.timestamp() + seconds


def test_the_latest_row_and_windows_that_end_now(online: OnlineView) -> None:
    assert online.lookup({"who": "a"}, at(25)) == {"temp": 4.0, "sum": 7.5, "n": 3}
    assert online.lookup({"who": "a"}, at(30)) == {"temp": 4.0, "sum": 6.0, "n": 2}
    assert online.lookup({"who": "b"}, at(49)) == {"temp": 9.0, "sum": 9.0, "n": 1}


def test_what_is_too_old_or_unknown_is_none(online: OnlineView) -> None:
    assert online.lookup({"who": "a"}, at(86)) == {"temp": None, "sum": None, "n": 0}
    assert online.lookup({"who": "c"}, at(25)) == {"temp": None, "sum": None, "n": 0}
    assert online.lookup({"who": "a"})["temp"] is None
    with pytest.raises(KeyError):
        online.lookup({})
