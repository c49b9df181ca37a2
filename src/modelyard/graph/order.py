"""Topological order: stable, and with the loop named where there is one."""

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush

from modelyard.errors import ModelyardError


def topological(upstream: Mapping[str, Iterable[str]]) -> list[str]:
    """Order keys so that each comes after its upstream; ties keep the order of the mapping.

    Raises ModelyardError (code `cycle`) naming one loop; its `address` is where the loop is entered.
    """
    if _in_order(upstream):
        return list(upstream)
    rank = {address: index for index, address in enumerate(upstream)}
    waiting: list[int] = []
    readers: dict[int, list[int]] = {}
    for index, before in enumerate(upstream.values()):
        distinct = set(before)
        waiting.append(len(distinct))
        for address in distinct:
            readers.setdefault(rank[address], []).append(index)
    ready = [index for index, count in enumerate(waiting) if not count]
    heapify(ready)
    addresses = list(upstream)
    ordered: list[str] = []
    while ready:
        index = heappop(ready)
        ordered.append(addresses[index])
        for reader in readers.get(index, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                heappush(ready, reader)
    if len(ordered) < len(addresses):
        raise cycle_error(find_loop(upstream, set(addresses) - set(ordered)))
    return ordered


def _in_order(upstream: Mapping[str, Iterable[str]]) -> bool:
    seen: set[str] = set()
    for address, before in upstream.items():
        if before and not seen.issuperset(before):
            return False
        seen.add(address)
    return True


def find_loop(upstream: Mapping[str, Iterable[str]], stuck: set[str]) -> list[str]:
    """One loop among nodes that wait for each other: every one of `stuck` has an upstream in `stuck`."""
    address = min(stuck)
    seen: dict[str, int] = {}
    path: list[str] = []
    while address not in seen:
        seen[address] = len(path)
        path.append(address)
        address = min(before for before in upstream[address] if before in stuck)
    loop = path[seen[address] :]
    first = loop.index(min(loop))
    return loop[first:] + loop[:first]


def cycle_error(loop: list[str]) -> ModelyardError:
    """`loop` lists each node before the one it reads from."""
    shown = loop if len(loop) <= 12 else [*loop[:11], f"… {len(loop) - 11} more …"]
    if len(loop) == 1:
        what = f"{loop[0]} needs itself"
    else:
        what = "needs itself: " + " → ".join([*shown, loop[0]]) + " (each needs the next)"
    return ModelyardError(
        what, address=loop[0], code="cycle", fix="Take one of these references away, or read from an earlier step."
    )
