"""Garbage collection of a local store: what no tree names, and what processes that died left behind."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelyard.store.trees import decode_manifest


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection took away."""

    trees: int = 0
    results: int = 0
    objects: int = 0
    bytes: int = 0


def collect(store: Path, keep: frozenset[str], grace: float) -> Collected:
    """Trees first, then results, then objects: a kill in between leaves nothing that points at what is gone."""
    before = time.time() - grace
    results = _drop_results(store, keep, before)
    trees, used = _drop_trees(store, keep, before)
    objects, size = _drop_objects(store, used, before)
    for leftover in _old(store / "tmp", "*", before):
        leftover.unlink(missing_ok=True)
    return Collected(trees, results, objects, size)


def _old(folder: Path, pattern: str, before: float) -> Iterator[Path]:
    for path in folder.glob(pattern):
        try:
            if path.is_file() and path.stat().st_ctime < before:
                yield path
        except FileNotFoundError:
            continue


def _drop_results(store: Path, keep: frozenset[str], before: float) -> int:
    dropped = 0
    for path in _old(store / "results", "*/*.json", before):
        try:
            outputs = {artifact["digest"] for artifact in json.loads(path.read_bytes())["outputs"].values()}
        except (ValueError, KeyError, TypeError):
            outputs = {"damaged"}
        if not outputs <= keep:
            path.unlink(missing_ok=True)
            dropped += 1
    return dropped


def _drop_trees(store: Path, keep: frozenset[str], before: float) -> tuple[int, set[str]]:
    dropped = 0
    for path in _old(store / "trees", "*/*.json", before):
        if f"b3:{path.stem}" not in keep:
            path.unlink(missing_ok=True)
            dropped += 1
    used: set[str] = set()
    for path in (store / "trees").glob("*/*.json"):
        used.update(entry.digest for entry in decode_manifest(path.read_bytes()))
    return dropped, used


def _drop_objects(store: Path, used: set[str], before: float) -> tuple[int, int]:
    dropped = size = 0
    for path in _old(store / "objects", "*/*", before):
        if f"b3:{path.name}" not in used:
            size += path.stat().st_size
            path.unlink(missing_ok=True)
            dropped += 1
    return dropped, size
