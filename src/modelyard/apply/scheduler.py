"""Runs a graph of jobs on threads: each after what it needs, as many at once as the place can hold.

Knows nothing of plans: an address, what it waits for, what it takes, how urgent it is.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from queue import SimpleQueue
from typing import Literal

from modelyard.graph.model import Resources
from modelyard.targets.base import Capacity

Ending = Literal["ok", "failed", "cancelled", "fatal"]
"""`fatal` stops the whole run even where it is to keep going: a full disk, a lost lock."""

FATAL = frozenset(
    {
        "disk-full", "lock-lost", "state", "state-busy", "state-corrupt", "state-io", "state-not-writable",
        "state-unreachable",
    }
)  # fmt: skip
"""Codes of errors after which nothing more can be written down."""

_NOTHING = Resources(cpu=0.0)


@dataclass(frozen=True, slots=True)
class Job:
    """`urgency` is the time that still hangs below it: what holds up most starts first."""

    address: str
    needs: frozenset[str] = frozenset()
    resources: Resources = _NOTHING
    urgency: float = 0.0


@dataclass(frozen=True)
class Stopped:
    """What was not run: `blocked` by the failed address it needs, `waiting` because the run ended before its turn."""

    blocked: Mapping[str, str]
    waiting: tuple[str, ...]


class _Room:
    """What is free. A job that asks for more cores or memory than there are gets all of it, alone."""

    def __init__(self, capacity: Capacity, slots: int | None) -> None:
        self._capacity = capacity
        self._slots = slots
        self._running = 0
        self._cpu = 0.0
        self._memory = 0
        self._gpu = 0

    def fits(self, asked: Resources) -> bool:
        if self._slots is not None and self._running >= self._slots:
            return False
        capacity = self._capacity
        return (
            (capacity.cpu is None or self._cpu + min(asked.cpu, capacity.cpu) <= capacity.cpu + 1e-9)
            and (capacity.memory is None or self._memory + min(asked.memory, capacity.memory) <= capacity.memory)
            and (capacity.gpu is None or self._gpu + min(asked.gpu, capacity.gpu) <= capacity.gpu)
        )

    def take(self, asked: Resources, sign: int = 1) -> None:
        capacity = self._capacity
        self._running += sign
        self._cpu += sign * (asked.cpu if capacity.cpu is None else min(asked.cpu, capacity.cpu))
        self._memory += sign * (asked.memory if capacity.memory is None else min(asked.memory, capacity.memory))
        self._gpu += sign * (asked.gpu if capacity.gpu is None else min(asked.gpu, capacity.gpu))


@dataclass
class Scheduler:
    """`quick` may settle a job at once, on the calling thread; `work` does it on a thread of its own.

    Neither may raise for a job's failure; what they raise all the same ends the run, after what runs has ended.
    """

    jobs: Mapping[str, Job]
    work: Callable[[str], Ending]
    quick: Callable[[str], Ending | None]
    cancel: threading.Event
    capacity: Capacity = field(default_factory=Capacity)
    slots: int | None = None
    keep_going: bool = False
    _ready: dict[Resources, list[tuple[float, int, str]]] = field(default_factory=dict)
    _readers: dict[str, list[str]] = field(default_factory=dict)
    _waiting: dict[str, int] = field(default_factory=dict)
    _blocked: dict[str, str] = field(default_factory=dict)
    _done: "SimpleQueue[tuple[str, Ending, BaseException | None]]" = field(default_factory=SimpleQueue)
    _todo: "SimpleQueue[str | None]" = field(default_factory=SimpleQueue)
    _threads: int = 0
    _running: int = 0
    _stopping: bool = False
    _raised: BaseException | None = None

    def run(self) -> Stopped:
        """Run all to the end. Returns what was not run; raises what a worker raised."""
        self._room = _Room(self.capacity, self.slots)
        self._order = {address: index for index, address in enumerate(self.jobs)}
        for address, job in self.jobs.items():
            self._waiting[address] = len(job.needs)
            for need in job.needs:
                self._readers.setdefault(need, []).append(address)
        for address, count in list(self._waiting.items()):
            if not count:
                self._enqueue(address)
        try:
            while True:
                self._start_what_fits()
                if not self._running:
                    break
                self._collect()
        finally:
            for _ in range(self._threads):
                self._todo.put(None)
        if self._raised:
            raise self._raised
        return Stopped(self._blocked, self._left())

    def _left(self) -> tuple[str, ...]:
        return tuple(address for address in self._waiting if address not in self._blocked)

    def _enqueue(self, address: str) -> None:
        job = self.jobs[address]
        heappush(self._ready.setdefault(job.resources, []), (-job.urgency, self._order[address], address))

    def _start_what_fits(self) -> None:
        while not (self._stopping or self.cancel.is_set()):
            queue = self._next_queue()
            if queue is None:
                return
            address = heappop(queue)[2]
            ending = self.quick(address)
            if ending is not None:
                self._settle(address, ending)
            else:
                self._start(address)

    def _next_queue(self) -> list[tuple[float, int, str]] | None:
        """The most urgent job of those that fit; jobs that ask for the same stand in one queue."""
        fitting = [queue for asked, queue in self._ready.items() if queue and self._room.fits(asked)]
        return min(fitting, key=lambda queue: queue[0]) if fitting else None

    def _start(self, address: str) -> None:
        self._room.take(self.jobs[address].resources)
        self._running += 1
        self._todo.put(address)
        if self._running > self._threads:  # threads are kept: starting one takes longer than a step that does nothing
            self._threads += 1
            threading.Thread(target=self._work, name=f"apply-{self._threads}", daemon=True).start()

    def _work(self) -> None:
        while (address := self._todo.get()) is not None:
            try:
                self._done.put((address, self.work(address), None))
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits, which raises it
                self._done.put((address, "fatal", error))

    def _collect(self) -> None:
        try:
            address, ending, error = self._done.get()
        except KeyboardInterrupt:
            if self.cancel.is_set():
                raise
            self.cancel.set()
            return
        self._running -= 1
        self._room.take(self.jobs[address].resources, -1)
        if error is not None and self._raised is None:
            self._raised = error
        self._settle(address, ending)

    def _settle(self, address: str, ending: Ending) -> None:
        self._waiting.pop(address, None)
        if ending == "ok":
            for reader in self._readers.get(address, ()):
                if reader not in self._waiting:
                    continue
                self._waiting[reader] -= 1
                if not self._waiting[reader]:
                    self._enqueue(reader)
            return
        if ending != "cancelled":
            self._block(address)
        if ending in {"fatal", "cancelled"} or not self.keep_going:
            self._stopping = True

    def _block(self, cause: str) -> None:
        rest: list[str] = [*self._readers.get(cause, ())]
        while rest:
            address = rest.pop()
            if address not in self._blocked and address in self._waiting:
                self._blocked[address] = cause
                rest.extend(self._readers.get(address, ()))


def urgencies(needs: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> dict[str, float]:
    """For each address (in topological order) the longest chain of time from its start to the end of all."""
    below: dict[str, float] = dict.fromkeys(needs, 0.0)
    for address in reversed(list(needs)):
        below[address] += seconds.get(address, 0.0)
        for need in needs[address]:
            if need in below:
                below[need] = max(below[need], below[address])
    return below
