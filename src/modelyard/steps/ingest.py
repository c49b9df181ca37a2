"""`sources.x`: a snapshot of data, and its splits."""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.steps.base import StepContext, StepResult
from modelyard.steps.data.gather import FETCHED, Files, check_unchanged, gather
from modelyard.wording import counted

Chosen = Mapping[str, Sequence[int]]
"""Rows or files by split."""


def run(ctx: StepContext) -> StepResult:
    """Read the source into output `data`, and each of its splits into an output of that name.

    Raises ModelyardError for data that is not there, not of its type, or too little to split.
    """
    files = gather(ctx)
    kinds: dict[str, Callable[[StepContext, Files], StepResult]] = {"files": _files, "images": _images, "table": _table}
    kind = ctx.config.get("type", "files")
    if kind not in kinds:
        raise ModelyardError(f"sources of type {kind} are not supported yet", address=ctx.address, code="not-supported")
    result = kinds[kind](ctx, files)
    check_unchanged(ctx)
    shutil.rmtree(ctx.workdir / FETCHED, ignore_errors=True)
    return result


def _files(ctx: StepContext, files: Files) -> StepResult:
    total, done = sum(path.stat().st_size for _, path in files), 0
    for name, path in files:
        done += path.stat().st_size
        _copy(path, ctx.outputs["data"] / name)
        ctx.progress(done, max(total, 1), name)
    chosen = _chosen(
        ctx, lambda: [name for name, _ in files], lambda: [PurePosixPath(name).suffix for name, _ in files]
    )
    for split, rows in chosen.items():
        for row in rows:
            _copy(files[row][1], ctx.outputs[split] / files[row][0])
    return StepResult(
        {"files": len(files), "bytes": total}, _told(ctx, f"{counted(len(files), 'file')}, {size_text(total)}", chosen)
    )


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _images(ctx: StepContext, files: Files) -> StepResult:
    from modelyard.steps.data.pictures import boxes_by_class, classes_of, copy_pictures, link_pictures, write_dataset
    from modelyard.steps.data.yolo import class_names, pictures

    found = pictures(files, labelled=ctx.config.get("labels") == "yolo")
    if not found:
        raise ModelyardError(
            "the source holds no images", address=ctx.address, code="no-images", fix="Images end in .png, .jpg, …"
        )
    copy_pictures(found, ctx.outputs["data"])
    boxes = boxes_by_class(found)
    named = list(ctx.config.get("classes") or class_names(files, ctx.address) or ())
    needed = max(boxes, default=-1) + 1
    warnings = []
    if named and needed > len(named):
        have = counted(len(named), "class has a name", "classes have names")
        warnings.append(f"labels go up to class {needed - 1}, but only {have}")
    classes = [*named, *(str(number) for number in range(len(named), needed))]
    size = write_dataset(ctx.outputs["data"], found, classes, boxes)

    def strata() -> list[str]:
        """Of the classes in an image, the rarest: that one is hardest to spread evenly."""
        return [str(min(classes_of(one), key=lambda label: (boxes[label], label), default="")) for one in found]

    chosen = _chosen(ctx, lambda: [picture.source for picture in found], strata)
    for split, rows in chosen.items():
        part = [found[row] for row in rows]
        link_pictures(part, ctx.outputs["data"], ctx.outputs[split])
        write_dataset(ctx.outputs[split], part, classes, boxes_by_class(part))
    unlabelled = sum(picture.label is None for picture in found)
    if unlabelled and ctx.config.get("labels"):
        warnings.append(f"{counted(unlabelled, 'image')} without a label file: taken to show none of the classes")
    metrics = {"images": len(found), "boxes": boxes.total(), "classes": len(classes), "bytes": size}
    summary = _told(ctx, f"{counted(len(found), 'image')}, {size_text(size)}", chosen)
    return StepResult(metrics, summary, tuple(warnings), {"boxes": _named_boxes(classes, boxes)})


def _named_boxes(classes: Sequence[str], boxes: Counter[int]) -> dict[str, int]:
    return {name: boxes[number] for number, name in enumerate(classes)}


def _table(ctx: StepContext, files: Files) -> StepResult:
    from modelyard.steps.data.parquet import write_table
    from modelyard.steps.data.rows import assign_rows, check_key, prepare
    from modelyard.steps.data.tables import load_table

    config = ctx.config
    table = prepare(load_table(files, ctx.address), config, ctx.address)
    ctx.progress(1, 3, f"read {counted(table.num_rows, 'row')}")
    check_key(table, config.get("key", ()), ctx.address)
    facts: dict[str, Any] = {"key": list(config.get("key", ())), "timestamp": config.get("timestamp")}
    write_table(ctx.outputs["data"], table, **facts)
    ctx.progress(2, 3, "splitting")
    chosen = assign_rows(table, config, ctx.address)
    for split, rows in chosen.items():
        write_table(ctx.outputs[split], table.take(rows), **facts)
    size = (ctx.outputs["data"] / "data.parquet").stat().st_size
    table_size = f"{counted(table.num_rows, 'row')}, {counted(table.num_columns, 'column')}"
    metrics = {"rows": table.num_rows, "columns": table.num_columns, "bytes": size}
    return StepResult(metrics, _told(ctx, f"{table_size}, {size_text(size)}", chosen))


def _chosen(ctx: StepContext, names: Callable[[], list[str]], strata: Callable[[], list[str]]) -> Chosen:
    """Files by split. A group is the name up to the first `-`, or the folder where `column: folder` says so."""
    split = ctx.config.get("split")
    if not split:
        return {}
    import numpy as np

    from modelyard.steps.data.split import Shares, by_key, stratified

    shares, keys, by = Shares.of(split["fractions"]), names(), split.get("by", "hash")
    if by == "time":
        raise ModelyardError(
            "files have no time to split by",
            address=f"{ctx.address}.split.by",
            code="split",
            fix="Split by hash or group.",
        )
    if by == "stratified":
        rows = stratified(strata(), keys, shares, split.get("seed", 0))
    else:
        groups = [_group(name, split.get("column")) for name in keys] if by == "group" else keys
        rows = by_key(groups, shares, split.get("seed", 0))
    return {name: [int(row) for row in np.flatnonzero(rows == number)] for number, name in enumerate(shares.names)}


def _group(name: str, column: str | None) -> str:
    path = PurePosixPath(name)
    return path.parent.name if column == "folder" else path.stem.split("-", 1)[0]


def _told(ctx: StepContext, what: str, chosen: Chosen) -> str:
    return what + (" → " + ", ".join(f"{name} {len(rows):,}" for name, rows in chosen.items()) if chosen else "")


def size_text(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
