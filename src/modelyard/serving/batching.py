"""Requests that arrive together are run together, and answered apart."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np

from modelyard.errors import ModelyardError

Tensors = Mapping[str, np.ndarray]
Run = Callable[[Tensors], Tensors]


@dataclass(slots=True)
class _Waiting:
    feeds: Tensors
    rows: int
    answer: "asyncio.Future[Tensors]"
    shape: object = field(init=False)

    def __post_init__(self) -> None:
        uneven = any(feed.shape[:1] != (self.rows,) for feed in self.feeds.values())
        # Joined with others, tensors of uneven length would shift the others' rows.
        alike = tuple((name, feed.dtype.str, feed.shape[1:]) for name, feed in sorted(self.feeds.items()))
        self.shape = object() if uneven else alike


class Batcher:
    """Collects up to `limit` rows for up to `wait` seconds. Lives on the event loop; the model runs in `pool`.

    A batch that fails is run again request by request, so that one bad input spoils no other's answer.
    """

    def __init__(self, run: Run, pool: Executor, *, limit: int, wait: float, pending: int) -> None:
        self._run = run
        self._pool = pool
        self._limit = limit
        self._wait = wait
        self._most_pending = pending
        self._pending = 0
        self._queue: list[_Waiting] = []
        self._timer: asyncio.TimerHandle | None = None
        self.on_batch: Callable[[int], None] = lambda rows: None

    async def submit(self, feeds: Tensors) -> Tensors:
        """Outputs for these feeds. Raises ModelyardError: `overloaded`, or what the model says."""
        if self._pending >= self._most_pending:
            raise ModelyardError("the server has more requests than it can answer", fix="try again", code="overloaded")
        self._pending += 1
        try:
            loop = asyncio.get_running_loop()
            if self._limit <= 1:
                self.on_batch(_rows(feeds))
                return await loop.run_in_executor(self._pool, self._run, feeds)
            waiting = _Waiting(feeds, _rows(feeds), loop.create_future())
            self._queue.append(waiting)
            if sum(item.rows for item in self._queue) >= self._limit:
                self._flush()
            elif self._timer is None:
                self._timer = loop.call_later(self._wait, self._flush)
            return await waiting.answer
        finally:
            self._pending -= 1

    def _flush(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        queue, self._queue = self._queue, []
        while queue:
            batch, queue = _take(queue, self._limit)
            self.on_batch(sum(item.rows for item in batch))
            task = loop.run_in_executor(self._pool, self._answer, batch)
            task.add_done_callback(lambda done, batch=batch: _deliver(batch, done))  # type: ignore[misc]

    def _answer(self, batch: Sequence[_Waiting]) -> "list[Tensors | BaseException]":
        if len(batch) > 1:
            joined = {name: np.concatenate([item.feeds[name] for item in batch]) for name in batch[0].feeds}
            try:
                return list(_split(self._run(joined), [item.rows for item in batch]))
            except ModelyardError:
                pass  # one of them is to blame: which, is seen one by one
        return [self._alone(item) for item in batch]

    def _alone(self, item: _Waiting) -> "Tensors | BaseException":
        try:
            return self._run(item.feeds)
        except Exception as error:  # noqa: BLE001 - handed to the request that asked
            return error


def _rows(feeds: Tensors) -> int:
    return max((feed.shape[0] if feed.ndim else 1 for feed in feeds.values()), default=1)


def _take(queue: list[_Waiting], limit: int) -> tuple[list[_Waiting], list[_Waiting]]:
    """The first request and those like it that still fit, and the rest in order."""
    batch, rest, rows = [queue[0]], [], queue[0].rows
    for item in queue[1:]:
        if item.shape == queue[0].shape and rows + item.rows <= limit:
            batch.append(item)
            rows += item.rows
        else:
            rest.append(item)
    return batch, rest


def _split(outputs: Tensors, rows: Sequence[int]) -> list[Tensors]:
    total = sum(rows)
    if any(not output.ndim or output.shape[0] != total for output in outputs.values()):
        raise ModelyardError("the model's outputs cannot be told apart by row", code="bad-model")
    ends = np.cumsum(rows)[:-1]
    parts = {name: np.split(output, ends) for name, output in outputs.items()}
    return [{name: pieces[index] for name, pieces in parts.items()} for index in range(len(rows))]


def _deliver(batch: Sequence[_Waiting], done: "asyncio.Future[list[Tensors | BaseException]]") -> None:
    failed = done.exception()
    answers = [failed] * len(batch) if failed else done.result()
    for item, answer in zip(batch, answers, strict=True):
        if item.answer.done():
            continue  # the client went away
        if isinstance(answer, BaseException):
            item.answer.set_exception(answer)
        else:
            item.answer.set_result(answer)
