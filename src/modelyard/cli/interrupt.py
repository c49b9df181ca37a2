"""Ctrl-C while a command changes things: an order to stop well, not a way out in the middle."""

import signal
import threading

from modelyard.cli.options import Common

_STOPPING = "\nStopping: what runs is ended, what is finished is kept. Ctrl-C again does not wait."


def cancel_on_interrupt(common: Common, said: str = _STOPPING) -> threading.Event:
    """Set by the first Ctrl-C (or SIGTERM), which ends what runs, in order; a second one does not wait."""
    cancel = threading.Event()

    def handle(_signal: int, _frame: object) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()
        if said:
            common.say(said)

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return cancel
