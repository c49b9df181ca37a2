"""Ctrl-C may come at any moment: in the middle of a line that is being written, too."""

import io
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from modelyard.cli.interrupt import cancel_on_interrupt
from modelyard.cli.options import Common


class Busy(io.TextIOWrapper):
    """A stream in the middle of a write."""

    def write(self, text: str) -> int:
        raise RuntimeError("reentrant call")


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("quiet", "said"), [(False, True), (True, False)])
def test_an_interrupt_in_the_middle_of_a_write_is_heard(
    quiet: bool, said: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    cancel = cancel_on_interrupt(Common(quiet=quiet))
    monkeypatch.setattr(sys, "stderr", Busy(io.BytesIO()))
    os.kill(os.getpid(), signal.SIGINT)
    assert cancel.is_set()
    assert ("Stopping" in capfd.readouterr().err) is said
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
