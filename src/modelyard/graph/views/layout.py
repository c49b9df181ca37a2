"""A layered drawing of a graph: columns from left to right, as few crossings as a few sweeps find, calm lines.

Sugiyama's steps: layers by longest path, a place in every layer that an edge passes, order by barycentres, positions
by least squares with the order kept (pooling adjacent violators).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Slot = tuple[str, str, int] | str
"""A node by its address, or the passage of an edge through a layer: (from, to, layer)."""

_SWEEPS = 8
_PASSAGE = 14.0


@dataclass(frozen=True)
class Layout:
    """Slots by `layers` from left to right, each from top to bottom.

    `depth` is the layer of a node, `y` the middle of a slot, `routes` the slots that an edge passes.
    """

    depth: Mapping[str, int]
    layers: tuple[tuple[Slot, ...], ...]
    y: Mapping[Slot, float]
    routes: Mapping[tuple[str, str], tuple[Slot, ...]]


def lay_out(nodes: Sequence[str], edges: Iterable[tuple[str, str]], height: float, gap: float) -> Layout:
    """Lay out nodes (in topological order) of one height, with at least `gap` between two of a layer."""
    pairs = list(dict.fromkeys(edges))
    depth = _depths(nodes, pairs)
    routes: dict[tuple[str, str], tuple[Slot, ...]] = {
        (a, b): (a, *((a, b, at) for at in range(depth[a] + 1, depth[b])), b) for a, b in pairs
    }
    layers: list[list[Slot]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in nodes:
        layers[depth[node]].append(node)
    left: dict[Slot, list[Slot]] = {}
    right: dict[Slot, list[Slot]] = {}
    for route in routes.values():
        for slot in route[1:-1]:
            if isinstance(slot, tuple):
                layers[slot[2]].append(slot)
        for before, after in pairwise(route):
            right.setdefault(before, []).append(after)
            left.setdefault(after, []).append(before)
    best = _fewest_crossings(layers, left, right)
    return Layout(depth, tuple(tuple(layer) for layer in best), _positions(best, left, right, height, gap), routes)


def _depths(nodes: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Longest path from a beginning; what needs nothing moves right, next to its first reader."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for a, b in pairs:
        before.setdefault(b, []).append(a)
        after.setdefault(a, []).append(b)
    depth: dict[str, int] = {}
    for node in nodes:
        depth[node] = max((depth[one] + 1 for one in before.get(node, ())), default=0)
    for node in nodes:
        if node not in before and node in after:
            depth[node] = min(depth[one] for one in after[node]) - 1
    return depth


def _fewest_crossings(
    layers: list[list[Slot]], left: Mapping[Slot, list[Slot]], right: Mapping[Slot, list[Slot]]
) -> list[list[Slot]]:
    best, fewest = [list(layer) for layer in layers], _crossings(layers, right)
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        forward = sweep % 2 == 0
        order = range(1, len(layers)) if forward else range(len(layers) - 2, -1, -1)
        for at in order:
            _sort_by_barycentre(layers, at, -1 if forward else 1, left if forward else right)
        count = _crossings(layers, right)
        if count < fewest:
            best, fewest = [list(layer) for layer in layers], count
    return best


def _sort_by_barycentre(layers: list[list[Slot]], at: int, step: int, near: Mapping[Slot, list[Slot]]) -> None:
    place = {slot: index for index, slot in enumerate(layers[at + step])}
    own = {slot: index for index, slot in enumerate(layers[at])}

    def centre(slot: Slot) -> float:
        around = [place[one] for one in near.get(slot, ())]
        return sum(around) / len(around) if around else float(own[slot])

    layers[at].sort(key=centre)


def _crossings(layers: list[list[Slot]], right: Mapping[Slot, list[Slot]]) -> int:
    """Pairs of lines that cross between neighbouring layers: inversions, counted with a binary indexed tree."""
    total = 0
    for here, there in pairwise(layers):
        place = {slot: index for index, slot in enumerate(there)}
        ends = [index for slot in here for index in sorted(place[one] for one in right.get(slot, ()))]
        counts = [0] * (len(there) + 1)
        for seen, end in enumerate(ends):
            total += seen - _up_to(counts, end + 1)
            at = end + 1
            while at <= len(there):
                counts[at] += 1
                at += at & -at
    return total


def _up_to(counts: list[int], at: int) -> int:
    total = 0
    while at > 0:
        total += counts[at]
        at -= at & -at
    return total


def _positions(
    layers: list[list[Slot]],
    left: Mapping[Slot, list[Slot]],
    right: Mapping[Slot, list[Slot]],
    height: float,
    gap: float,
) -> dict[Slot, float]:
    y: dict[Slot, float] = {}
    for layer in layers:
        y.update(zip(layer, _spread(layer, [0.0] * len(layer), height, gap), strict=True))
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            near = left if sweep % 2 == 0 else right
            other = right if sweep % 2 == 0 else left
            wished = [_wish(slot, near, other, y) for slot in layer]
            y.update(zip(layer, _spread(layer, wished, height, gap), strict=True))
    top = min((y[slot] - _size(slot, height) / 2 for slot in y), default=0.0)
    return {slot: value - top for slot, value in y.items()}


def _wish(
    slot: Slot, near: Mapping[Slot, list[Slot]], other: Mapping[Slot, list[Slot]], y: Mapping[Slot, float]
) -> float:
    around = near.get(slot) or other.get(slot)
    return sum(y[one] for one in around) / len(around) if around else y[slot]


def _size(slot: Slot, height: float) -> float:
    return height if isinstance(slot, str) else _PASSAGE


def _spread(layer: Sequence[Slot], wished: Sequence[float], height: float, gap: float) -> list[float]:
    """Positions nearest to those wished for (least squares) that keep the order and the room between."""
    offsets, at = [], 0.0
    for index, slot in enumerate(layer):
        if index:
            both = isinstance(slot, str) and isinstance(layer[index - 1], str)
            at += (_size(slot, height) + _size(layer[index - 1], height)) / 2 + (gap if both else gap / 2)
        offsets.append(at)
    blocks: list[tuple[float, int]] = []
    for wish, offset in zip(wished, offsets, strict=True):
        mean, count = wish - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, size = blocks.pop()
            mean, count = (mean * count + before * size) / (count + size), count + size
        blocks.append((mean, count))
    flat = [mean for mean, count in blocks for _ in range(count)]
    return [value + offset for value, offset in zip(flat, offsets, strict=True)]
