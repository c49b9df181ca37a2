"""Features and joins against a brute-force reading of the same rules, row by row."""

import math
import shutil
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.errors import ModelyardError
from modelyard.steps import features, ingest, join
from modelyard.steps.data.parquet import read_table, write_table

START = datetime(2024, 1, 1, tzinfo=UTC)
COLUMNS: dict[str, dict[str, Any]] = {
    "temp": {"sql": "temp"},
    "double": {"sql": "temp * 2"},
    **{
        agg: {"agg": agg, "column": "temp", "over": 10.0}
        for agg in ("sum", "mean", "min", "max", "count", "std", "first", "last")
    },
    "short": {"agg": "count", "column": "temp", "over": 1.0},
}
VIEW = {"entity": ["who"], "timestamp": "at", "ttl": 5.0, "columns": COLUMNS}

who = st.sampled_from(["a", "b", None])
second = st.integers(0, 12)
value = st.one_of(st.none(), st.integers(-5, 5))
source_rows = st.lists(
    st.fixed_dictionaries(
        {"who": who, "at": second, "temp": value, "created": st.one_of(st.none(), st.integers(0, 3))}
    ),
    min_size=1,
    max_size=14,
)
label_rows = st.lists(
    st.fixed_dictionaries({"who": who, "at": second, "y": st.one_of(st.none(), st.integers(0, 1))}),
    min_size=1,
    max_size=14,
)


def table(rows: list[dict[str, Any]], types: Mapping[str, Any]) -> pa.Table:
    times = {"at", "created_at"}
    return pa.table(
        {
            name: pa.array([_moment(row[name]) if name in times else row[name] for row in rows], kind)
            for name, kind in types.items()
        }
    )


def _moment(seconds: Any) -> Any:
    return None if seconds is None else START + timedelta(seconds=seconds)


INSTANT = pa.timestamp("us", "UTC")


def build(context: Callable[..., Any], source: pa.Table, tmp_path: Path, view: Mapping[str, Any] = VIEW) -> Path:
    folder = tmp_path / f"source-{time.monotonic_ns()}"
    folder.mkdir()
    write_table(folder, source)
    ctx = context("features.v", "features", view, ["table"], inputs={"source": folder})
    features.run(ctx)
    return ctx.outputs["table"]


def joined(context: Callable[..., Any], labels: pa.Table, view: Path, tmp_path: Path, **config: Any) -> Any:
    folder = tmp_path / f"labels-{time.monotonic_ns()}"
    folder.mkdir()
    write_table(folder, labels)
    given_config = {
        "columns": ["row"],
        "target": {"name": "y", "sql": "y"},
        "timestamp": "at",
        "key": [],
        "features": [{"name": "v", "port": "view_v", **VIEW, "take": list(COLUMNS)}],
        **config,
    }
    ctx = context("training.t.features", "join", given_config, ["train"], inputs={"train": folder, "view_v": view})
    object.__setattr__(ctx, "result", join.run(ctx))
    return ctx


def brute_force(label: Mapping[str, Any], rows: list[dict[str, Any]], created: bool) -> dict[str, Any]:
    """The rules, said slowly: the latest row at or before the instant, unless too old; windows (t - over, t]."""
    known = [
        dict(row, place=place)
        for place, row in enumerate(rows)
        if row["who"] is not None and row["who"] == label["who"]
    ]
    if created:
        order = {id(row): ((row["created"] is not None, row["created"] or 0), row["place"]) for row in known}
        known = [row for row in known if not any(r["at"] == row["at"] and order[id(r)] > order[id(row)] for r in known)]
    past = sorted((row for row in known if row["at"] <= label["at"]), key=lambda row: (row["at"], row["place"]))
    latest = past[-1] if past and label["at"] - past[-1]["at"] <= 5 else None
    temp = latest["temp"] if latest else None
    window = [row["temp"] for row in past if row["at"] > label["at"] - 10 and row["temp"] is not None]
    return {
        "temp": temp,
        "double": None if temp is None else temp * 2,
        "sum": sum(window) if window else None,
        "mean": statistics.fmean(window) if window else None,
        "min": min(window, default=None),
        "max": max(window, default=None),
        "count": len(window) if label["who"] is not None else None,
        "std": statistics.stdev(window) if len(window) > 1 else None,
        "first": window[0] if window else None,
        "last": window[-1] if window else None,
        "short": sum(row["at"] == label["at"] and row["temp"] is not None for row in past)
        if label["who"] is not None
        else None,
    }


@pytest.mark.e2e
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source_rows, label_rows, st.booleans())
def test_joins_equal_the_brute_force_reading(
    context: Any, tmp_path: Path, rows: Any, labels: Any, created: bool
) -> None:
    if not any(row["who"] for row in rows) or all(label["y"] is None for label in labels):
        return
    types = {"who": pa.string(), "at": INSTANT, "temp": pa.int64(), **({"created_at": INSTANT} if created else {})}
    source = table([{**row, "created_at": row["created"]} for row in rows], types)
    numbered = [{**label, "row": number} for number, label in enumerate(labels)]
    ctx = joined(
        context,
        table(numbered, {"row": pa.int64(), "who": pa.string(), "at": INSTANT, "y": pa.int64()}),
        build(context, source, tmp_path),
        tmp_path,
    )
    kept = [label for label in numbered if label["y"] is not None]
    made = read_table(ctx.outputs["train"]).to_pylist()
    assert [row["row"] for row in made] == [label["row"] for label in kept]
    for row, label in zip(made, kept, strict=True):
        for name, wanted in brute_force(label, rows, created).items():
            assert row[name] == pytest.approx(wanted) if wanted is not None else row[name] is None, (name, label)


def labels_at(*moments: int, entity: str = "a") -> pa.Table:
    rows = [{"row": number, "who": entity, "at": at, "y": 1} for number, at in enumerate(moments)]
    return table(rows, {"row": pa.int64(), "who": pa.string(), "at": INSTANT, "y": pa.int64()})


def source_at(**temps: Any) -> pa.Table:
    rows = [{"who": "a", "at": int(at[1:]), "temp": temp} for at, temp in temps.items()]
    return table(rows, {"who": pa.string(), "at": INSTANT, "temp": pa.int64()})


def test_a_window_ends_at_the_label_not_at_the_view_s_row(context: Any, tmp_path: Path) -> None:
    view = build(context, source_at(s0=1, s4=10), tmp_path)
    rows = read_table(joined(context, labels_at(4, 9, 10, 13, 14), view, tmp_path).outputs["train"]).to_pylist()
    assert [row["sum"] for row in rows] == [11, 11, 10, 10, None]  # the first row leaves at 10, the second at 14
    assert [row["temp"] for row in rows] == [10, 10, None, None, None]  # older than five seconds


def test_a_row_just_as_old_as_the_ttl_still_counts(context: Any, tmp_path: Path) -> None:
    rows = read_table(
        joined(context, labels_at(5, 6), build(context, source_at(s0=1), tmp_path), tmp_path).outputs["train"]
    ).to_pylist()
    assert [row["temp"] for row in rows] == [1, None]


def test_of_two_rows_of_one_instant_the_one_created_later_counts(context: Any, tmp_path: Path) -> None:
    rows = [
        {"who": "a", "at": 0, "temp": 1, "created_at": 9},
        {"who": "a", "at": 0, "temp": 2, "created_at": None},
        {"who": "b", "at": 0, "temp": 3, "created_at": 9},
        {"who": "b", "at": 0, "temp": 4, "created_at": 9},
    ]
    source = table(rows, {"who": pa.string(), "at": INSTANT, "temp": pa.int64(), "created_at": INSTANT})
    view = build(context, source, tmp_path)
    assert [(row["temp"], row["sum"]) for row in read_table(view).to_pylist()] == [(1, 1), (4, 4)]


def test_the_view_s_own_table_has_windows_as_of_its_rows(context: Any, tmp_path: Path) -> None:
    rows = read_table(build(context, source_at(s0=1, s4=10, s11=5), tmp_path)).to_pylist()
    assert [(row["temp"], row["sum"], row["count"]) for row in rows] == [(1, 1, 1), (10, 11, 2), (5, 15, 2)]


def test_a_boolean_can_be_counted(context: Any, tmp_path: Path) -> None:
    columns = {
        "hot": {"agg": "sum", "column": "temp > 3", "over": 10.0},
        "share": {"agg": "mean", "column": "temp > 3", "over": 10.0},
    }
    rows = read_table(build(context, source_at(s0=1, s4=10), tmp_path, {**VIEW, "columns": columns})).to_pylist()
    assert [(row["hot"], row["share"]) for row in rows] == [(0, 0.0), (1, 0.5)]


def test_building_and_joining_twice_gives_the_same_bytes(context: Any, tmp_path: Path) -> None:
    source = source_at(**{f"s{number}": number * 7 % 5 for number in range(40)})
    made = []
    for _ in range(2):
        view = build(context, source, tmp_path)
        ctx = joined(context, labels_at(*range(0, 40, 3)), view, tmp_path)
        made.append(
            [(view / name).read_bytes() for name in ("data.parquet", "windows.parquet")]
            + [(ctx.outputs["train"] / "data.parquet").read_bytes()]
        )
    assert made[0] == made[1]


def test_columns_target_and_slices(context: Any, tmp_path: Path) -> None:
    labels = pa.table({"id": [1, 2, 3], "x": [1.0, math.nan, 3.0], "delay": [20, None, 5], "group": ["p", "q", "r"]})
    folder = tmp_path / "labels"
    folder.mkdir()
    write_table(folder, labels)
    config = {
        "columns": ["x", "x * 2"],
        "target": {"name": "late", "sql": "delay > 15"},
        "features": [],
        "key": ["id"],
        "keep": {"test": ["group"]},
    }
    ctx = context("training.t.features", "join", config, ["train", "test"], inputs={"train": folder, "test": folder})
    result = join.run(ctx)
    assert read_table(ctx.outputs["train"]).to_pylist() == [
        {"x": 1.0, "x * 2": 2.0, "late": True},
        {"x": 3.0, "x * 2": 6.0, "late": False},
    ]
    assert read_table(ctx.outputs["test"]).column_names == ["x", "x * 2", "late", "group"]
    assert result.summary == "train 2, test 2 rows, 4 columns; 2 rows without `late` dropped"
    assert result.recorded == {"dropped": {"train": 1, "test": 1}}


def test_without_columns_what_tells_the_answer_is_left_out(context: Any, tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    write_table(folder, pa.table({"id": [1], "x": [1.0], "delay": [20], "dep": [3]}))
    config = {"target": {"name": "late", "sql": "delay + dep > 15"}, "features": [], "key": ["id"]}
    ctx = context("training.t.features", "join", config, ["train"], inputs={"train": folder})
    result = join.run(ctx)
    assert read_table(ctx.outputs["train"]).column_names == ["x", "late"]
    assert result.warnings == ("not learnt from, because the target is made of it: delay, dep",)


@pytest.mark.parametrize(
    ("config", "says", "address"),
    [
        ({"columns": ["rwo"]}, "rwo", "training.t.columns"),
        ({"target": {"name": "y", "sql": "yy > 1"}}, "yy", "training.t.target"),
        ({"target": {"name": "y", "sql": "NULL"}}, "no row of train has a target", "training.t.target"),
        ({"columns": ["(SELECT content FROM read_text('/etc/passwd'))"]}, "disabled", "training.t.columns"),
        ({"columns": ["temp"], "target": {"name": "y", "sql": "y"}}, "temp", "training.t.columns"),
        (
            {"target": {"name": "temp", "sql": "y"}},
            "`temp` comes from features.v and from training.t",
            "training.t.features",
        ),
        ({"timestamp": "when"}, "`when` is not a column", "training.t.features.timestamp"),
    ],
)
def test_what_cannot_be_joined_is_told(context: Any, tmp_path: Path, config: Any, says: str, address: str) -> None:
    view = build(context, source_at(s0=1), tmp_path)
    with pytest.raises(ModelyardError, match=says) as caught:
        joined(context, labels_at(0), view, tmp_path, **config)
    assert caught.value.address == address


@pytest.mark.parametrize(
    ("view", "says"),
    [
        ({"entity": ["whom"]}, "the entity `whom` is not a column"),
        ({"timestamp": "when"}, "the timestamp `when` is not a column"),
        ({"timestamp": None}, "has no timestamp"),
        ({"timestamp": "temp"}, "holds int64, not times"),
        ({"columns": {"x": {"sql": "tempp"}}}, "tempp"),
        ({"columns": {"x": {"agg": "sum", "column": "who", "over": 5.0}}}, "holds string: it has no sum"),
    ],
)
def test_a_view_that_cannot_be_built_is_told(context: Any, tmp_path: Path, view: Any, says: str) -> None:
    with pytest.raises(ModelyardError, match=says) as caught:
        build(context, source_at(s0=1), tmp_path, {**VIEW, **view})
    assert str(caught.value.address).startswith("features.v")


def test_an_entity_that_is_text_here_and_a_number_there_is_told(context: Any, tmp_path: Path) -> None:
    labels = labels_at(0).set_column(1, "who", pa.array([1]))
    with pytest.raises(ModelyardError, match="`who` is int64 in the rows to learn from and string in the view"):
        joined(context, labels, build(context, source_at(s0=1), tmp_path), tmp_path)


@pytest.mark.e2e
def test_flights_of_a_year_are_joined_with_the_weather_in_seconds(
    context: Any, nycflights: Path, tmp_path: Path
) -> None:
    for name in ("flights.csv.zip", "weather.csv"):
        shutil.copy(nycflights / name, tmp_path / name)
    split = {"fractions": {"train": 0.7, "val": 0.15, "test": 0.15}, "by": "time"}
    flights = context(
        "sources.flights",
        "ingest",
        {"type": "table", "path": "flights.csv.zip", "timestamp": "time_hour", "split": split},
        ["data", "train", "val", "test"],
    )
    weather = context(
        "sources.weather", "ingest", {"type": "table", "path": "weather.csv", "timestamp": "time_hour"}, ["data"]
    )
    for ctx in (flights, weather):
        ingest.run(ctx)
    view = {
        "entity": ["origin"],
        "timestamp": "time_hour",
        "ttl": 10800.0,
        "columns": {"temp": {"sql": "temp"}, "rain_6h": {"agg": "sum", "column": "precip", "over": 21600.0}},
    }
    built = context("features.weather", "features", view, ["table"], inputs={"source": weather.outputs["data"]})
    features.run(built)
    config = {
        "columns": ["carrier", "distance", "hour"],
        "target": {"name": "late", "sql": "arr_delay > 15"},
        "timestamp": "time_hour",
        "features": [{"name": "weather", "port": "view_weather", **view}],
        "key": [],
    }
    inputs = {**{name: flights.outputs[name] for name in split["fractions"]}, "view_weather": built.outputs["table"]}  # type: ignore[attr-defined]
    ctx = context("training.late.features", "join", config, list(split["fractions"]), inputs=inputs)  # type: ignore[call-overload]
    began = time.process_time()
    result = join.run(ctx)
    assert time.process_time() - began < 8  # 1 s on a quiet machine
    assert result.metrics == {"rows": 327_346, "dropped": 9_430}
    made = read_table(ctx.outputs["train"])
    assert made.column_names == ["carrier", "distance", "hour", "late", "temp", "rain_6h"]
    assert made["temp"].null_count < 0.01 * made.num_rows
