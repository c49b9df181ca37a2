"""`sources`: keys that fit the type, data that is there and inside the project, splits that add up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.nearest import did_you_mean
from modelyard.spec.checks.findings import At, Findings
from modelyard.spec.checks.references import is_address
from modelyard.spec.checks.schemas import Schemas

if TYPE_CHECKING:
    from modelyard.spec.model.sources import Source, SplitSettings

_ONLY_FOR = {
    "labels": "images",
    "classes": "images",
    "key": "table",
    "timestamp": "table",
    "url": "sql",
    "query": "sql",
}


def check_sources(findings: Findings, schemas: Schemas) -> None:
    for name, source in findings.spec.sources.items():
        _check_keys(findings, name, source)
        if source.path and not is_address(source.path):
            _check_path(findings, name, source.path)
        _check_split(findings, name, source)
        _check_columns(findings, name, source, schemas)


def _check_keys(findings: Findings, name: str, source: Source) -> None:
    for key, kind in _ONLY_FOR.items():
        if getattr(source, key) and source.type != kind and not (source.type == "sql" and kind == "table"):
            what = f"`{key}` is only for sources of type {kind}; this one is {source.type}"
            findings.add(("sources", name, key), what, "Take it away, or change `type`", "source", key=True)
    if source.type != "sql" and source.path is None:
        findings.add(
            ("sources", name),
            "`path` is missing",
            "Add `path`: an address, a path in the project, or a URL",
            "source",
            key=True,
        )


def _check_path(findings: Findings, name: str, path: str) -> None:
    at = ("sources", name, "path")
    if "://" in path or "${" in path:
        return
    root = findings.loaded.root
    pattern = next((index for index, letter in enumerate(path) if letter in "*?["), None)
    fixed = path if pattern is None else path[:pattern].rpartition("/")[0] or "."
    target = Path(os.path.normpath(root / fixed))
    if path.startswith(("/", "~")) or not target.is_relative_to(os.path.normpath(root)):
        findings.add(
            at,
            "lies outside of the project",
            f"Move it in, or write `file://{_absolute(path, target)}` to say that you mean it",
            "path",
        )
    elif not target.exists():
        near = [f"{Path(fixed).parent}/{one.name}".removeprefix("./") for one in target.parent.glob("*")][:500]
        findings.add(at, f"there is no `{fixed}` in the project", did_you_mean(fixed, near, "There is"), "path")
    elif pattern is not None and next(root.glob(path), None) is None:
        findings.add(at, f"no file fits `{path}`", "", "path")


def _absolute(path: str, target: Path) -> str:
    return path if path.startswith("/") else str(target)


def _check_split(findings: Findings, name: str, source: Source) -> None:
    split = source.split
    if split is None:
        return
    at = ("sources", name, "split")
    shares = {key: value for key, value in split.fractions if value}
    if abs(sum(shares.values()) - 1) > 1e-6:
        told = " + ".join(
            f"{key} {value:.10g}%" for key, value in ((key, value * 100) for key, value in shares.items())
        )
        findings.add(
            at,
            f"the shares are {told} = {sum(shares.values()) * 100:.10g}%, not 100%",
            "Make them 100% together",
            "split",
            key=True,
        )
    if source.type in ("files", "images"):
        _check_file_split(findings, at, split)
        return
    if split.by == "time" and not (source.timestamp or split.column):
        findings.add(
            (*at, "by"),
            "a split by time needs to know each row's time",
            "Add `timestamp: COLUMN` to the source",
            "split",
        )
    if split.by in ("group", "stratified") and not split.column:
        what = f"a split by {'group' if split.by == 'group' else 'class'} needs a column"
        findings.add((*at, "by"), what, "Add `column: NAME` to the split", "split")


def _check_file_split(findings: Findings, at: At, split: SplitSettings) -> None:
    if split.by == "time":
        findings.add((*at, "by"), "files have no time to split by", "Split by hash, group or stratified", "split")
    elif split.column is not None and (split.by != "group" or split.column != "folder"):
        fix = "Write `by: group` and `column: folder`, or take `column` away"
        findings.add((*at, "column"), "files have no columns", fix, "split")


def _check_columns(findings: Findings, name: str, source: Source, schemas: Schemas) -> None:
    if source.type != "table" or not (columns := schemas.of_source(name)):
        return
    at = ("sources", name)
    for index, key in enumerate(source.key):
        schemas.check((*at, "key", index), key, columns, f"sources.{name}")
    if source.timestamp:
        schemas.check((*at, "timestamp"), source.timestamp, columns, f"sources.{name}")
    if source.split and source.split.column:
        schemas.check((*at, "split", "column"), source.split.column, columns, f"sources.{name}")
