"""Expectations: what fails stops, and says which rows."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from modelyard.errors import ModelyardError
from modelyard.steps import expect
from modelyard.steps.data.parquet import write_table

pytestmark = pytest.mark.e2e

NOT_NULL = {"name": "expect_column_values_to_not_be_null", "kwargs": {"column": "carrier"}}


@pytest.fixture
def look(context: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    folder = tmp_path / "flights"
    folder.mkdir()
    table = pa.table(
        {
            "flight_id": [11, 12, 13, 14],
            "carrier": ["UA", None, "AA", None],
            "distance": [100, 7000, 200, None],
            "at": pa.array([0, 10**15, 0, 0], pa.timestamp("us", "UTC")),
        }
    )
    write_table(folder, table, key=["flight_id"])

    def run(*expectations: Any, severity: str = "error") -> Any:
        ctx = context(
            "expectations.flights",
            "expect",
            {"severity": severity, "expect": expectations},
            ["report"],
            inputs={"data": folder},
        )
        object.__setattr__(ctx, "result", expect.run(ctx))
        return ctx

    return run


def check(name: str, **kwargs: Any) -> dict[str, Any]:
    return {"name": name, "kwargs": kwargs}


def test_what_holds_passes_and_is_reported(look: Callable[..., Any]) -> None:
    ctx = look(
        check("expect_column_values_to_be_between", column="distance", min_value=0, max_value=6000, mostly=0.5),
        check("expect_table_row_count_to_be_between", min_value=4),
        check(
            "expect_column_values_to_be_between",
            column="at",
            min_value="1970-01-01",
            max_value="2013-01-01T00:00:00+02:00",
        ),
        check("expect_column_to_exist", column="carrier"),
    )
    assert ctx.result.summary == "4 checks"
    report = json.loads((ctx.outputs["report"] / "report.json").read_text())
    first = report["checks"][0]
    assert (first["name"], first["passed"], first["failed"]) == ("expect_column_values_to_be_between", True, 1)
    page = (ctx.outputs["report"] / "report.html").read_text()
    assert "4 of 4 expectations hold" in page
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def test_a_failing_one_stops_and_names_count_rows_key_and_values(look: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(ModelyardError) as caught:
        look(
            check("expect_column_values_to_be_between", column="distance", max_value=6000),
            check("expect_table_row_count_to_equal", value=4),
            NOT_NULL,
        )
    error = caught.value
    assert error.code == "expectation-failed"
    assert error.address == "expectations.flights"
    assert error.what.startswith("2 of 3 expectations failed on 4 rows: expect_column_values_to_be_between")
    assert error.details == (
        "expect_column_values_to_be_between {column: distance, max_value: 6000}: "
        "1 of 4 (25.00%): row 2, flight_id 12, distance 7000.0",
        "expect_column_values_to_not_be_null {column: carrier}: "
        "2 of 4 (50.00%): row 2, flight_id 12, carrier None; row 4, flight_id 14, carrier None",
    )
    kept = tmp_path / ".modelyard/reports/expectations.flights/report.html"
    assert str(kept) in str(error.fix)
    assert "✗ fails:" in kept.read_text()


def test_severity_warn_is_recorded_and_goes_on(look: Callable[..., Any]) -> None:
    result = look(NOT_NULL, severity="warn").result
    assert result.summary == "1 check, 1 failed (warn)"
    assert result.metrics == {"expectations": 1, "failed": 1}
    assert result.warnings[0].startswith("expect_column_values_to_not_be_null {column: carrier}: 2 of 4")


def test_an_expectation_of_the_whole_table_says_what_it_found(look: Callable[..., Any]) -> None:
    with pytest.raises(ModelyardError) as caught:
        look(
            check("expect_table_row_count_to_equal", value=9),
            check("expect_column_values_to_not_be_null", column="nope"),
        )
    assert caught.value.details == (
        "expect_table_row_count_to_equal {value: 9}: found 4",
        'expect_column_values_to_not_be_null {column: nope}: the column "nope" does not exist',
    )


def test_the_same_expectation_twice_is_two_checks(look: Callable[..., Any]) -> None:
    assert look(NOT_NULL, NOT_NULL, severity="warn").result.metrics == {"expectations": 2, "failed": 2}


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (check("expect_column_values_to_not_be_nul", column="a"), "did you mean `expect_column_values_to_not_be_null`"),
        (check("expect_column_values_to_be_between", colum="a", min_value=1), "colum: extra fields not permitted"),
        (check("expect_images_to_be_readable"), "Great Expectations has no"),
    ],
)
def test_unknown_names_and_arguments_are_told_at_their_place(look: Callable[..., Any], wanted: Any, says: str) -> None:
    with pytest.raises(ModelyardError) as caught:
        look(NOT_NULL, wanted)
    assert says in str(caught.value)
    assert caught.value.address == "expectations.flights.expect[1]"


def test_a_page_shows_data_as_text(context: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "evil"
    folder.mkdir()
    write_table(folder, pa.table({"s": ["<script>alert(1)</script>"]}))
    wanted = [check("expect_column_values_to_be_in_set", column="s", value_set=["a"])]
    ctx = context(
        "expectations.e", "expect", {"severity": "warn", "expect": wanted}, ["report"], inputs={"data": folder}
    )
    expect.run(ctx)
    assert "<script>" not in (ctx.outputs["report"] / "report.html").read_text()
