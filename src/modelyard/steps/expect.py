"""`expectations.x`: stands between data and everyone who reads it."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from modelyard.errors import ModelyardError
from modelyard.steps.base import StepContext, StepResult
from modelyard.steps.data.parquet import is_table, read_schema
from modelyard.steps.data.pictures import is_pictures, read_dataset
from modelyard.steps.expectations.check import Check
from modelyard.steps.expectations.report import write_report
from modelyard.wording import counted


def run(ctx: StepContext) -> StepResult:
    """Look at every expectation and write the report.

    Raises ModelyardError (code `expectation-failed`) naming each that fails, how many rows and the first of them, where
    `severity` is `error`. A failed step has no outputs: the report is kept under `.modelyard/reports/<address>/` then.
    """
    folder, severity = ctx.inputs["data"], ctx.config.get("severity", "error")
    checks = _checks(ctx, folder)
    write_report(ctx.outputs["report"], ctx.address, severity, _size(folder), checks)
    failing = [check for check in checks if not check.passed]
    if failing and severity == "error":
        raise _failure(ctx, checks, failing, _size(folder))
    metrics = {"expectations": len(checks), "failed": len(failing)}
    warnings = tuple(f"{check.title}: {check.story}" for check in failing)
    told = f", {len(failing)} failed (warn)" if failing else ""
    return StepResult(
        metrics, f"{counted(len(checks), 'check')}{told}", warnings, {"failing": [check.name for check in failing]}
    )


def _checks(ctx: StepContext, folder: Path) -> list[Check]:
    def progress(done: int, total: int, text: str) -> None:
        ctx.progress(done, max(total, 1), text)

    if is_table(folder):
        from modelyard.steps.expectations.tables import check_table

        return check_table(folder, ctx.config["expect"], ctx.address, progress)
    if is_pictures(folder):
        from modelyard.steps.expectations.images import check_images

        return check_images(folder, ctx.config["expect"], ctx.address, progress)
    raise ModelyardError(
        "its data is neither a table nor images",
        address=f"{ctx.address}.data",
        code="bad-expectation",
        fix="Point it at a source of type table or images, or at a feature view.",
    )


def _size(folder: Path) -> str:
    if is_pictures(folder):
        return counted(read_dataset(folder)["count"], "image")
    rows = read_schema(folder).get("rows")
    return counted(rows, "row") if isinstance(rows, int) else "a table"


def _failure(ctx: StepContext, checks: Sequence[Check], failing: Sequence[Check], size: str) -> ModelyardError:
    kept = ctx.root / ".modelyard" / "reports" / ctx.address
    shutil.copytree(ctx.outputs["report"], kept, dirs_exist_ok=True)
    all_of_them = counted(len(checks), "expectation")
    return ModelyardError(
        f"{len(failing)} of {all_of_them} failed on {size}: {failing[0].name} {failing[0].story}",
        address=ctx.address,
        code="expectation-failed",
        fix=f"Mend the data or the expectation; the whole report is {kept / 'report.html'}",
        details=[f"{check.title}: {check.story}" for check in failing],
    )
