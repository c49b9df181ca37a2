"""Expectations of tables: Great Expectations by its own names and arguments, over pandas, in memory.

Great Expectations phones home unless told not to, and draws progress bars: both are off here. It is asked for row
numbers only: with key columns it looks them up one by one, which takes 14 s where 50,000 rows fail.
"""

import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.nearest import did_you_mean
from modelyard.steps.data.parquet import read_schema, read_table
from modelyard.steps.expectations.check import Check

_FORMAT = {"result_format": "SUMMARY", "partial_unexpected_count": 10}
_NUMBER = "modelyard"  # in an expectation's meta: its place in the spec, since results come in an order of their own
Progress = Callable[[int, int, str], None]


def check_table(folder: Path, wanted: Sequence[Mapping[str, Any]], address: str, progress: Progress) -> list[Check]:
    """Look at every expectation. Raises ModelyardError for a name or arguments that the library does not know."""
    gx = _library()
    schema = read_schema(folder)
    frame = read_table(folder).to_pandas()
    expectations = [
        _expectation(gx, entry, number, frame, f"{address}.expect[{number}]") for number, entry in enumerate(wanted)
    ]
    progress(0, len(wanted), "looking")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        batch = _batch(gx, frame)
        suite = gx.ExpectationSuite("modelyard", expectations=expectations)
        outcome = batch.validate(suite, result_format=_FORMAT).to_json_dict()
    found = {result["expectation_config"]["meta"][_NUMBER]: result for result in outcome["results"]}
    return [_check(entry, found[number], frame, schema.get("key", [])) for number, entry in enumerate(wanted)]


def _library() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    import great_expectations

    return great_expectations


def _batch(gx: Any, frame: Any) -> Any:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("modelyard").add_dataframe_asset("data")
    return asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})


def _expectation(gx: Any, entry: Mapping[str, Any], number: int, frame: Any, where: str) -> Any:
    classes = {
        name.lower(): name for name in dir(gx.expectations) if name.startswith("Expect") and name != "Expectation"
    }
    found = classes.get(entry["name"].replace("_", "").lower())
    if found is None:
        known = [snake(name) for name in classes.values()]
        raise ModelyardError(
            f"Great Expectations has no `{entry['name']}`",
            address=where,
            code="unknown-expectation",
            fix=did_you_mean(entry["name"], known, "It has", 12),
        )
    kwargs = dict(entry.get("kwargs") or {})
    for name in ("min_value", "max_value"):
        kwargs[name] = _instant(kwargs[name], frame, kwargs.get("column")) if name in kwargs else None
    kwargs["meta"] = {**(kwargs.get("meta") or {}), _NUMBER: number}
    try:
        return getattr(gx.expectations, found)(**{name: value for name, value in kwargs.items() if value is not None})
    except (ValueError, TypeError) as error:  # pydantic v1's own error is a ValueError
        raise ModelyardError(
            f"{entry['name']}: {_reason(error)}",
            address=where,
            code="bad-expectation",
            fix="Arguments are Great Expectations' own; see its gallery of expectations.",
        ) from error


def snake(name: str) -> str:
    """`ExpectColumnToExist` → `expect_column_to_exist`; runs of capitals are one word (`KLDivergence`)."""
    words, previous = [""], ""
    for index, letter in enumerate(name):
        following = name[index + 1 : index + 2]
        starts = letter.isupper() and previous and (not previous.isupper() or (following.islower() and letter != "A"))
        words.append(letter.lower()) if starts else words.__setitem__(-1, words[-1] + letter.lower())
        previous = letter
    return "_".join(words)


def _instant(value: Any, frame: Any, column: str | None) -> Any:
    """A time in the spec is text; for a column of times it becomes one."""
    import pandas as pd

    if not isinstance(value, str) or column not in frame or not pd.api.types.is_datetime64_any_dtype(frame[column]):
        return value
    moment = pd.Timestamp(value)
    zone = frame[column].dt.tz
    if zone is None:
        return (moment.tz_convert("UTC").tz_localize(None) if moment.tz else moment).to_pydatetime()
    return (moment.tz_convert(zone) if moment.tz else moment.tz_localize(zone)).to_pydatetime()


def _reason(error: Exception) -> str:
    details = getattr(error, "errors", None)
    if not callable(details):
        return str(error).splitlines()[0]
    told = dict.fromkeys(
        f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in details() if "valid dict" not in one["msg"]
    )
    return "; ".join(told) or str(error).splitlines()[0]


def _check(entry: Mapping[str, Any], outcome: Mapping[str, Any], frame: Any, key: Sequence[str]) -> Check:
    kwargs, result = entry.get("kwargs") or {}, outcome.get("result") or {}
    error = _exception(outcome.get("exception_info") or {})
    if error is not None:
        return Check(entry["name"], kwargs, passed=False, error=error)
    rows = [_row(frame, number, key, kwargs) for number in result.get("partial_unexpected_index_list") or ()]
    return Check(
        entry["name"],
        kwargs,
        passed=bool(outcome["success"]),
        observed=result.get("observed_value"),
        failed=int(result.get("unexpected_count") or 0),
        total=int(result.get("element_count") or 0),
        rows=rows,
    )


def _exception(info: Mapping[str, Any]) -> str | None:
    """The message of an expectation that could not be looked at; GX gives one record, or one a metric."""
    records = [info] if "raised_exception" in info else [one for one in info.values() if isinstance(one, dict)]
    return next((_said(one.get("exception_message")) for one in records if one.get("raised_exception")), None)


def _said(message: Any) -> str:
    """`Error: The column "x" in BatchData does not exist.` → `the column "x" does not exist`."""
    text = (
        str(message or "could not be looked at")
        .splitlines()[0]
        .removeprefix("Error: ")
        .replace(" in BatchData", "")
        .rstrip(".")
    )
    return text[:1].lower() + text[1:]


def _row(frame: Any, number: int, key: Sequence[str], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Row number as in the file (from 1), the key, and the columns that the expectation is about."""
    named = [kwargs.get(word) for word in ("column", "column_A", "column_B")] + list(kwargs.get("column_list") or ())
    columns = dict.fromkeys([*key, *(name for name in named if name)])
    return {"row": int(number) + 1, **{name: _plain(frame[name].iloc[number]) for name in columns if name in frame}}


def _plain(value: Any) -> Any:
    import pandas as pd

    if isinstance(value, (datetime, date)) and not pd.isna(value):
        return value.isoformat()
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
