"""Ctrl-C while a command changes things: an order to stop well, not a way out in the middle."""

import os
import signal
import threading
from contextlib import suppress

from modelyard.cli.options import Common

_STOPPING = "\nStopping: what runs is ended, what is finished is kept. Ctrl-C again does not wait."


def cancel_on_interrupt(common: Common, said: str = _STOPPING) -> threading.Event:
    """Set by the first Ctrl-C (or SIGTERM), which ends what runs, in order; a second one does not wait."""
    cancel = threading.Event()

    def handle(_signal: int, _frame: object) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()
        if said and not common.quiet:
            # Past the stream: the signal may have come in the middle of a write to it, which no other may enter.
            with suppress(OSError):
                os.write(2, f"{said}\n".encode())

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return cancel
