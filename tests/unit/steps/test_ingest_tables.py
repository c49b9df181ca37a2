"""Tables: what is read, what types come out, and what is refused."""

import gzip
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelyard.errors import ModelyardError
from modelyard.graph.data import data_digest
from modelyard.graph.filecache import FileCache
from modelyard.steps import ingest
from modelyard.steps.data.parquet import read_schema, read_table

SPLIT = {"fractions": {"train": 0.7, "val": 0.15, "test": 0.15}, "by": "hash", "seed": 0}


@pytest.fixture
def take(context: Callable[..., Any]) -> Callable[..., Any]:
    """`take(path, **config)` ingests a table and gives its context."""

    def run(path: str, splits: tuple[str, ...] = (), **config: Any) -> Any:
        ctx = context("sources.t", "ingest", {"type": "table", "path": path, **config}, ["data", *splits])
        object.__setattr__(ctx, "result", ingest.run(ctx))
        return ctx

    return run


def rows(ctx: Any, output: str = "data") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_table(ctx.outputs[output]).to_pylist()
    return found


def test_csv_types_come_from_every_value(take: Callable[..., Any], write_csv: Callable[..., Path]) -> None:
    write_csv(
        "t.csv",
        "n,x,b,day,at,name\n"
        + "1,2,true,2013-01-02,2013-01-02T03:04:05Z,ab\n" * 3000
        + "NA,2.5,FALSE,,2013-01-02 04:04:05+01:00,NA\n",
    )
    schema = read_schema(take("t.csv").outputs["data"])
    assert schema["columns"] == {
        "n": "int64",
        "x": "double",
        "b": "bool",
        "day": "date32[day]",
        "at": "timestamp[us, tz=UTC]",
        "name": "string",
    }
    assert schema["rows"] == 3001


def test_na_is_missing_among_numbers_and_text_among_text(
    take: Callable[..., Any], write_csv: Callable[..., Path]
) -> None:
    write_csv("t.csv", 'n,country\n1,NA\nNA,DE\n3,\n4,"a, ""quoted"" \nword"\n')
    assert rows(take("t.csv")) == [
        {"n": 1, "country": "NA"},
        {"n": None, "country": "DE"},
        {"n": 3, "country": None},
        {"n": 4, "country": 'a, "quoted" \nword'},
    ]


def test_semicolons_tabs_gzip_and_a_byte_order_mark(
    take: Callable[..., Any], write_csv: Callable[..., Path], tmp_path: Path
) -> None:
    write_csv("a.csv", "\ufeffa;b\n1;x\n")
    write_csv("b.tsv", "a\tb\n2\ty\n")
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(b"a,b\n3,z\n"))
    assert [rows(take(name)) for name in ("a.csv", "b.tsv", "c.csv.gz")] == [
        [{"a": 1, "b": "x"}],
        [{"a": 2, "b": "y"}],
        [{"a": 3, "b": "z"}],
    ]


def test_files_of_a_glob_are_one_table_in_the_order_of_their_names(
    take: Callable[..., Any], write_csv: Callable[..., Path]
) -> None:
    write_csv("d/b.csv", "k,v\n2,0.5\n")
    write_csv("d/a.csv", "k\n1\n")
    write_csv("d/skip.csv", "k\n9\n")
    assert rows(take("d/*.csv", exclude=["skip*"])) == [{"k": 1, "v": None}, {"k": 2, "v": 0.5}]


def test_parquet_and_json_lines(take: Callable[..., Any], tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2], "s": pa.array(["x", "y"]).dictionary_encode()})
    pq.write_table(table, tmp_path / "p.parquet")
    (tmp_path / "j.jsonl").write_text('{"a": 1, "s": "x"}\n{"a": 2.5, "s": null}\n')
    assert rows(take("p.parquet")) == [{"a": 1, "s": "x"}, {"a": 2, "s": "y"}]
    assert rows(take("j.jsonl")) == [{"a": 1.0, "s": "x"}, {"a": 2.5, "s": None}]


def test_any_fsspec_url_is_read(take: Callable[..., Any]) -> None:
    import fsspec

    with fsspec.open("memory://bucket/day=1/t.csv", "w") as stream:
        stream.write("a\n7\n")
    assert rows(take("memory://bucket/*/t.csv")) == rows(take("memory://bucket")) == [{"a": 7}]


def test_times_without_a_zone_count_as_utc(take: Callable[..., Any], write_csv: Callable[..., Path]) -> None:
    write_csv("t.csv", "at\n2013-01-01 06:00:00\n")
    assert read_schema(take("t.csv", timestamp="at").outputs["data"])["columns"] == {"at": "timestamp[us, tz=UTC]"}
    assert rows(take("t.csv", timestamp="at"))[0]["at"].isoformat() == "2013-01-01T06:00:00+00:00"


def test_a_port_takes_the_place_of_a_path(context: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "port").mkdir()
    pq.write_table(pa.table({"a": [1]}), tmp_path / "port" / "data.parquet")
    (tmp_path / "port" / "schema.json").write_text("{}")
    ctx = context("sources.t", "ingest", {"type": "table"}, ["data"], inputs={"data": tmp_path / "port"})
    assert ingest.run(ctx).summary.startswith("1 row, 1 column")


def test_the_same_rows_give_the_same_bytes(take: Callable[..., Any], write_csv: Callable[..., Path]) -> None:
    text = "k,x\n" + "".join(f"{number},{number / 7}\n" for number in range(500))
    write_csv("t.csv", text)
    write_csv("again.csv", text)
    first, second = (take(name, ("train", "val", "test"), split=SPLIT, key=["k"]) for name in ("t.csv", "again.csv"))
    for output in first.outputs:
        for file in ("data.parquet", "schema.json"):
            assert (first.outputs[output] / file).read_bytes() == (second.outputs[output] / file).read_bytes()


def test_splits_are_disjoint_complete_and_keep_the_order(
    take: Callable[..., Any], write_csv: Callable[..., Path]
) -> None:
    write_csv("t.csv", "k\n" + "".join(f"{number}\n" for number in range(300)))
    ctx = take("t.csv", ("train", "val", "test"), split=SPLIT, key=["k"])
    parts = [[row["k"] for row in rows(ctx, split)] for split in ("train", "val", "test")]
    assert sorted(row for part in parts for row in part) == list(range(300))
    assert all(part == sorted(part) for part in parts)


@pytest.mark.parametrize(
    ("text", "config", "says"),
    [
        ("a,b\n1\n", {}, "cannot read"),
        ("a,A\n1,2\n", {}, "two columns are named"),
        ("a,\n1,2\n", {}, "a column has no name"),
        ("a\n", {}, "no rows"),
        ("k,a\n1,2\n1,3\n", {"key": ["k"]}, r"1 value of the key stands in more than one row: k 1 \(2 rows\)"),
        ("k,a\n1,2\n,3\n", {"key": ["k"]}, "the key `k` is missing in 1 row, first in row 2"),
        ("a\n1\n", {"key": ["b"]}, "the key `b` is not a column"),
        ("a\nx\n", {"timestamp": "a"}, "x"),
        ("a\n1\n", {"timestamp": "a"}, "holds int64, not times"),
        ("a\n1\n2\n", {"split": SPLIT}, "cannot fill 3 splits"),
        ("a,b\n1,1\n2,2\n3,3\n", {"split": {**SPLIT, "by": "group"}}, "needs a `column`"),
        ("a,b\n1,1\n2,2\n3,3\n", {"split": {**SPLIT, "by": "time"}}, "needs the source's `timestamp`"),
    ],
)
def test_what_cannot_be_right_is_told(
    take: Callable[..., Any], write_csv: Callable[..., Path], text: str, config: Any, says: str
) -> None:
    write_csv("t.csv", text)
    with pytest.raises(ModelyardError, match=says) as caught:
        take("t.csv", ("train", "val", "test"), **config)
    assert str(caught.value.address).startswith("sources.t")


def test_other_files_are_named(take: Callable[..., Any], write_csv: Callable[..., Path]) -> None:
    write_csv("d/a.csv", "a\n1\n")
    write_csv("d/notes.txt", "hello")
    with pytest.raises(ModelyardError, match=r"`notes.txt` is no table"):
        take("d")
    with pytest.raises(ModelyardError, match="there is nothing at"):
        take("elsewhere")


def test_data_that_changes_under_the_plan_is_refused(
    context: Callable[..., Any], write_csv: Callable[..., Path], tmp_path: Path
) -> None:
    from dataclasses import asdict

    write_csv("t.csv", "a\n1\n")
    external = asdict(data_digest("t.csv", tmp_path, FileCache(), kind="table"))
    assert (
        ingest.run(context("sources.t", "ingest", {"type": "table"}, ["data"], external=external)).metrics["rows"] == 1
    )
    write_csv("t.csv", "a\n2\n")
    with pytest.raises(ModelyardError, match="changed while this ran"):
        ingest.run(context("sources.t", "ingest", {"type": "table"}, ["data"], external=external))


@pytest.mark.e2e
def test_all_flights_of_a_year_are_read_and_split_in_seconds(
    take: Callable[..., Any], nycflights: Path, tmp_path: Path
) -> None:
    shutil.copy(nycflights / "flights.csv.zip", tmp_path / "flights.csv.zip")
    began = time.process_time()
    ctx = take("flights.csv.zip", ("train", "val", "test"), timestamp="time_hour", split={**SPLIT, "by": "time"})
    assert time.process_time() - began < 8  # 1.6 s on a quiet machine; processor time, for busy ones
    assert ctx.result.metrics["rows"] == 336_776
    assert max(row["time_hour"] for row in rows(ctx, "val")[:1000]) < min(
        row["time_hour"] for row in rows(ctx, "test")[:1000]
    )


def test_files_are_copied_as_they_are(context: Callable[..., Any], write_csv: Callable[..., Path]) -> None:
    for number in range(20):
        write_csv(f"d/sub/{number}.bin", "x" * number)
    write_csv("d/.hidden", "no")
    ctx = context(
        "sources.f", "ingest", {"type": "files", "path": "d", "split": SPLIT}, ["data", "train", "val", "test"]
    )
    assert ingest.run(ctx).summary.startswith("20 files, 190 B → train ")
    everything = {path.name for path in (ctx.outputs["data"] / "sub").iterdir()}
    parts = [{path.name for path in (ctx.outputs[split] / "sub").iterdir()} for split in ("train", "val", "test")]
    assert sorted(everything) == sorted(name for part in parts for name in part)
    assert (ctx.outputs["data"] / "sub" / "7.bin").read_text() == "x" * 7
