"""Refusals on demand: what a busy, a broken or a distant API server does to its clients."""

import threading
from dataclasses import dataclass, field

from cluster.refusals import Refusal


@dataclass
class Fault:
    """Met by requests whose verb, plural and name are as given (empty: any), `times` times."""

    code: int
    times: int = 1
    verb: str = ""
    plural: str = ""
    name: str = ""
    message: str = ""
    retry_after: int | None = None
    met: int = 0


@dataclass
class Faults:
    """Code 0 breaks the connection without an answer; a watch breaks by `break_watches`."""

    _faults: list[Fault] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)
    breaks: int = 0

    def add(
        self, code: int, *, times: int = 1, verb: str = "", plural: str = "", name: str = "", message: str = "",
        retry_after: int | None = None,
    ) -> Fault:  # fmt: skip
        if code == 429 and retry_after is None:
            retry_after = 1
        fault = Fault(code, times, verb, plural, name, message, retry_after)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        self._faults.clear()

    def break_watches(self) -> None:
        """Every watch and followed log that is open now ends, in the midst of a line."""
        self.breaks += 1

    def meet(self, verb: str, plural: str, name: str) -> None:
        with self._turn:
            for fault in self._faults:
                wanted = ((fault.verb, verb), (fault.plural, plural), (fault.name, name))
                if fault.times > 0 and all(mine in ("", theirs) for mine, theirs in wanted):
                    fault.times -= 1
                    fault.met += 1
                    if fault.code == 0:
                        raise ConnectionAbortedError
                    raise Refusal(
                        fault.code, fault.message or _WORDS.get(fault.code, "no"), retry_after=fault.retry_after
                    )


_WORDS = {
    429: "The server has received too many requests and has asked us to try again later",
    500: "Internal error occurred: etcdserver: leader changed",
    503: "the server is currently unable to handle the request",
    409: "the object has been modified; please apply your changes to the latest version and try again",
}  # fmt: skip
