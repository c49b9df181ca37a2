"""Expectations of images, named and argued in the way of Great Expectations."""

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from modelyard.digests import digest_file
from modelyard.errors import ModelyardError
from modelyard.monitoring.stats import image_stats
from modelyard.nearest import did_you_mean
from modelyard.steps.data.pictures import image_files, label_lines, read_dataset
from modelyard.steps.data.yolo import parse_line
from modelyard.steps.expectations.check import Check

_OVERHANG = 0.01  # how far a box may stick out: labelling tools round, and draw over the edge
Rows = list[dict[str, Any]]


class Images:
    """A folder of images, each opened once for all checks."""

    def __init__(self, folder: Path, progress: Callable[[int, int, str], None]) -> None:
        self.folder = folder
        self.classes: list[str] = read_dataset(folder)["classes"]
        self.files = image_files(folder)
        self._progress = progress

    @cached_property
    def stats(self) -> dict[str, dict[str, float] | str]:
        """Numbers of each image by name, or why it cannot be read."""
        found: dict[str, dict[str, float] | str] = {}
        for number, path in enumerate(self.files):
            try:
                found[path.name] = image_stats(path)
            except OSError as error:
                found[path.name] = str(error)
            if number % 50 == 0:
                self._progress(number, len(self.files), "opening images")
        return found

    @cached_property
    def lines(self) -> list[tuple[str, int, str]]:
        """(image, line number, line) of all labels."""
        return [
            (path.name, number, line)
            for path in self.files
            for number, line in enumerate(label_lines(self.folder, path), 1)
        ]


def readable(images: Images, mostly: float = 1.0) -> Check:
    rows: Rows = [{"image": name, "error": why} for name, why in images.stats.items() if isinstance(why, str)]
    return _each(rows, len(images.files), mostly)


def count_between(images: Images, min_value: int | None = None, max_value: int | None = None) -> Check:
    count = len(images.files)
    return Check("", {}, passed=_within(count, min_value, max_value), observed=count)


def size_between(
    images: Images,
    min_width: int | None = None,
    min_height: int | None = None,
    max_width: int | None = None,
    max_height: int | None = None,
    mostly: float = 1.0,
) -> Check:
    rows: Rows = []
    for name, stats in images.stats.items():
        if isinstance(stats, str):
            rows.append({"image": name, "error": stats})
        elif not (_within(stats["width"], min_width, max_width) and _within(stats["height"], min_height, max_height)):
            rows.append({"image": name, "size": f"{stats['width']:.0f}×{stats['height']:.0f}"})
    return _each(rows, len(images.files), mostly)


def valid_boxes(images: Images, mostly: float = 1.0) -> Check:
    rows: Rows = []
    for image, number, line in images.lines:
        why = fault(line, len(images.classes))
        if why:
            rows.append({"image": image, "line": number, "label": line, "fault": why})
    return _each(rows, len(images.lines), mostly)


def fault(line: str, classes: int) -> str | None:
    """What is wrong with a label line, or None."""
    box = parse_line(line)
    if box is None:
        return "not a class and four numbers"
    if box.label >= classes:
        return f"class {box.label} of {classes}"
    if not (0 < box.width <= 1 + _OVERHANG and 0 < box.height <= 1 + _OVERHANG):
        return "no width or height between 0 and 1"
    reach = [box.x - box.width / 2, box.y - box.height / 2, 1 - box.x - box.width / 2, 1 - box.y - box.height / 2]
    return None if min(reach) >= -_OVERHANG else "outside of the image"


def class_count_between(images: Images, min_value: int | None = None, max_value: int | None = None) -> Check:
    boxes = [box for _, _, line in images.lines if (box := parse_line(line)) is not None]
    counts = Counter(box.label for box in boxes)
    rows: Rows = [
        {"class": name, "boxes": counts[number]}
        for number, name in enumerate(images.classes)
        if not _within(counts[number], min_value, max_value)
    ]
    return _each(rows, len(images.classes), 1.0)


def no_duplicates(images: Images) -> Check:
    first: dict[str, str] = {}
    rows: Rows = []
    for path in images.files:
        twin = first.setdefault(digest_file(path), path.name)
        if twin != path.name:
            rows.append({"image": path.name, "same as": twin})
    return _each(rows, len(images.files), 1.0)


CHECKS: Mapping[str, Callable[..., Check]] = {
    "expect_images_to_be_readable": readable,
    "expect_image_count_to_be_between": count_between,
    "expect_image_size_to_be_between": size_between,
    "expect_labels_to_be_valid_boxes": valid_boxes,
    "expect_class_count_to_be_between": class_count_between,
    "expect_no_duplicate_images": no_duplicates,
}


def check_images(
    folder: Path, wanted: Sequence[Mapping[str, Any]], address: str, progress: Callable[[int, int, str], None]
) -> list[Check]:
    """Look at every expectation. Raises ModelyardError for a name or an argument that is not known."""
    images = Images(folder, progress)
    calls = [_call(entry, f"{address}.expect[{number}]") for number, entry in enumerate(wanted)]
    return [_named(check(images, **kwargs), entry) for entry, (check, kwargs) in zip(wanted, calls, strict=True)]


def _call(entry: Mapping[str, Any], where: str) -> tuple[Callable[..., Check], Mapping[str, Any]]:
    check, kwargs = CHECKS.get(entry["name"]), entry.get("kwargs") or {}
    if check is None:
        raise ModelyardError(
            f"`{entry['name']}` is no expectation of images",
            address=where,
            code="unknown-expectation",
            fix=did_you_mean(entry["name"], CHECKS, "Of images", 12),
        )
    known = list(inspect.signature(check).parameters)[1:]
    strange = next((name for name in kwargs if name not in known), None)
    if strange is not None:
        raise ModelyardError(
            f"{entry['name']} has no argument `{strange}`",
            address=where,
            code="bad-expectation",
            fix=did_you_mean(strange, known, "Arguments") or "It takes none.",
        )
    wrong = next(
        (name for name, value in kwargs.items() if isinstance(value, bool) or not isinstance(value, (int, float))), None
    )
    if wrong is not None:
        raise ModelyardError(
            f"{entry['name']}: `{wrong}` is a number",
            address=where,
            code="bad-expectation",
            fix=f"Found {kwargs[wrong]!r}.",
        )
    return check, kwargs


def _named(check: Check, entry: Mapping[str, Any]) -> Check:
    from dataclasses import replace

    return replace(check, name=entry["name"], kwargs=entry.get("kwargs") or {})


def _each(rows: Rows, total: int, mostly: float) -> Check:
    return Check(
        "", {}, passed=total - len(rows) >= mostly * total - 1e-9, failed=len(rows), total=total, rows=rows[:10]
    )


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)
