"""What `&name` names, with its size, so that aliases can be bounded before anything expands them."""

from typing import Any


class Anchors:
    """`named` has (value, how many values it holds, how deep they nest) for each anchor that is complete."""

    def __init__(self) -> None:
        self.named: dict[str, tuple[Any, int, int]] = {}
        self.pending: set[str] = set()
        self._frames: list[tuple[str | None, int]] = []
        self._heights: list[int] = []

    def begin(self, anchor: str | None, values: int) -> None:
        """A collection opens, `values` having been read with it."""
        self._frames.append((anchor, values))
        self._heights.append(0)
        if anchor is not None:
            self.named.pop(anchor, None)
            self.pending.add(anchor)

    def end(self, value: Any, values: int) -> None:
        anchor, before = self._frames.pop()
        height = self._heights.pop() + 1
        self.reach(height)
        if anchor is not None:
            self.pending.discard(anchor)
            self.named[anchor] = (value, values - before + 1, height)

    def reach(self, height: int) -> None:
        """What stands in the open collection is itself `height` levels high."""
        if self._heights and height > self._heights[-1]:
            self._heights[-1] = height
