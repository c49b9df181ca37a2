"""Which row or image goes into which split. The same data and seed always give the same splits.

`hash` and `group` look at the key alone: a row stays where it is when others come, go or change places. `stratified`
and `time` look at all rows, and do not depend on their order either.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from blake3 import blake3

from modelyard.errors import ModelyardError
from modelyard.wording import counted

_ORDER = {"train": 0, "val": 1, "test": 3}
Indices = Any
"""A numpy array with the number of the split of each row."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Splits in the order of time (train, val, others, test), and where each ends on a line from 0 to 1."""

    names: tuple[str, ...]
    ends: tuple[float, ...]

    @classmethod
    def of(cls, fractions: Mapping[str, float]) -> "Shares":
        names = tuple(sorted(fractions, key=lambda name: (_ORDER.get(name, 2), name)))
        ends = tuple(accumulate(float(fractions[name]) for name in names))
        if not names or abs(ends[-1] - 1) > 1e-6 or any(fractions[name] <= 0 for name in names):
            told = ", ".join(f"{name} {share:.0%}" for name, share in fractions.items())
            raise ModelyardError(
                f"the shares are {told or 'none'}", code="split", fix="Each is more than 0%, together they are 100%."
            )
        return cls(names, (*ends[:-1], 1.0))


def positions(keys: Sequence[str], seed: int) -> Any:
    """Where each key lies on the line from 0 to 1: by its hash, so that neighbours tell nothing of each other."""
    prefix = f"{seed}\x1f".encode()
    digests = b"".join([blake3(prefix + key.encode("utf-8", "surrogateescape")).digest(8) for key in keys])
    return np.frombuffer(digests, ">u8") / 2.0**64


def by_key(keys: Sequence[str], shares: Shares, seed: int) -> Indices:
    """Every distinct key to one split. Groups named as the splits (`train`, `test`) go where their name says."""
    distinct = list(dict.fromkeys(keys))
    if set(distinct) == set(shares.names):
        chosen = np.array([shares.names.index(name) for name in distinct], np.int64)
    else:
        chosen = _dealt(distinct, shares, seed)
    if len(distinct) == len(keys):
        return chosen
    by_name = dict(zip(distinct, chosen.tolist(), strict=True))
    return np.fromiter((by_name[key] for key in keys), np.int64, len(keys))


def _dealt(distinct: Sequence[str], shares: Shares, seed: int) -> Indices:
    _need(len(distinct), shares, "different keys")
    places = positions(distinct, seed)
    chosen: Indices = np.searchsorted(np.array(shares.ends[:-1]), places, side="right")
    for split, (start, end) in enumerate(pairwise((0.0, *shares.ends))):
        counts = np.bincount(chosen, minlength=len(shares.names))
        if not counts[split]:  # few keys: the split takes the nearest one that another split can spare
            spare = np.flatnonzero(counts[chosen] > 1)
            chosen[spare[np.abs(places[spare] - (start + end) / 2).argmin()]] = split
    return chosen


def stratified(strata: Sequence[str], keys: Sequence[str], shares: Shares, seed: int) -> Indices:
    """Equal shares of each stratum, exact over all: what does not divide in one stratum is made up for in the next."""
    _need(len(strata), shares, "rows")
    members: dict[str, list[int]] = defaultdict(list)
    for row, stratum in enumerate(strata):
        members[stratum].append(row)
    places = positions(keys, seed)
    share: Any = np.diff(np.array((0.0, *shares.ends)))
    result: Indices = np.zeros(len(strata), np.int64)
    dealt: Any = np.zeros(len(share), np.int64)
    seen = 0
    for stratum in sorted(members):
        rows = np.array(members[stratum])
        seen += len(rows)
        counts: Any = np.floor(share * len(rows) + 1e-9).astype(np.int64)
        owed = share * seen - dealt - counts
        counts[np.argsort(-owed, kind="stable")[: len(rows) - counts.sum()]] += 1
        result[rows[places[rows].argsort(kind="stable")]] = np.repeat(np.arange(len(counts)), counts)
        dealt += counts
    return _none_empty(result, places, len(share))


def _none_empty(result: Indices, places: Any, splits: int) -> Indices:
    for split in range(splits):
        counts = np.bincount(result, minlength=splits)
        if not counts[split]:
            rows = np.flatnonzero(result == counts.argmax())
            result[rows[places[rows].argmin()]] = split
    return result


def by_time(times: Any, shares: Shares) -> Indices:
    """Earlier rows train, later ones test. Rows of one instant stay together, so a border moves to the nearest instant.

    `times` are integers; no value is missing.
    """
    instants, places, counts = np.unique(np.asarray(times), return_inverse=True, return_counts=True)
    _need(len(instants), shares, "different times")
    reached = counts.cumsum()
    borders: list[int] = []
    for number, end in enumerate(shares.ends[:-1]):
        first = borders[-1] + 1 if borders else 0
        last = len(instants) - (len(shares.names) - number)
        nearest = np.abs(reached[first : last + 1] - end * len(places)).argmin()
        borders.append(first + int(nearest))
    return np.searchsorted(np.array(borders), places, side="left")


def _need(found: int, shares: Shares, what: str) -> None:
    if found < len(shares.names):
        raise ModelyardError(
            f"{found} {what} cannot fill {counted(len(shares.names), 'split')} ({', '.join(shares.names)})",
            code="split",
            fix="Bring more data, or take a split out.",
        )
