"""What is served now, and the watch over what should be: a newly promoted version is taken up without a restart."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.serving.loading import Served, Trees, load_version
from modelyard.serving.settings import ServerSettings

logger = logging.getLogger("modelyard.serving")
_POLL_SECONDS = 1.0
_RETRY_SECONDS = 30.0


class Channel:
    """`current` is swapped in one assignment; a version that does not load leaves the old one in its place."""

    def __init__(
        self, store: Trees, settings: ServerSettings, pool: Executor, first: Mapping[str, Any] | None = None
    ) -> None:
        self._store = store
        self._settings = settings
        self._pool = pool
        self._first = first
        self._refused: tuple[Any, float] | None = None
        self.current: Served | None = None
        self.problem: str | None = None
        self.on_load: Callable[[Served | None], None] = lambda served: None

    def serving(self) -> Served:
        """The version that answers. Raises ModelyardError `not-ready`."""
        if self.current is None:
            what = self.problem or f"no version of {self._settings.model} is served yet"
            raise ModelyardError(
                what, fix=f"promote one: the server follows {self._settings.channel}", code="not-ready"
            )
        return self.current

    def refresh(self) -> bool:
        """Look once, and load what is new; True where something was taken up. Blocks: not for the event loop."""
        try:
            record = self._store.get_ref(self._settings.channel) or self._first
        except Exception as error:  # noqa: BLE001 - whatever is wrong out there, what is loaded still answers
            self._say(f"{self._settings.channel} cannot be read: {_first_line(error)}")
            return False
        if record is None:
            self._say(f"no version of {self._settings.model} has been promoted to {self._settings.channel}")
            return False
        wanted = (record.get("version"), record.get("model")) if isinstance(record, Mapping) else record
        if self.current and wanted == (self.current.record.get("version"), self.current.record.get("model")):
            self.problem = None
            return False
        if self._refused and self._refused[0] == wanted and time.monotonic() - self._refused[1] < _RETRY_SECONDS:
            return False
        return self._load(record, wanted)

    def _load(self, record: Any, wanted: Any) -> bool:
        try:
            served = load_version(self._store, record, self._settings, self._pool)
        except Exception as error:  # noqa: BLE001 - as above
            self._refused = (wanted, time.monotonic())
            kept = f", {self.current.version} keeps answering" if self.current else ""
            self._say(
                f"version {wanted[0] if isinstance(wanted, tuple) else wanted} was refused{kept}: {_first_line(error)}"
            )
            self.on_load(None)
            return False
        self.current, self.problem, self._refused = served, None, None
        self.on_load(served)
        logger.info("%s version %s answers now, on %s", served.name, served.version, served.device)
        return True

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            logger.warning("%s", problem)
        self.problem = problem

    async def follow(self) -> None:
        """Look every second until cancelled."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            await asyncio.to_thread(self.refresh)


def _first_line(error: Exception) -> str:
    what = error.what if isinstance(error, ModelyardError) else f"{type(error).__name__}: {error}"
    return (what.strip().splitlines() or [""])[0]
