"""Output of processes that we did not write: bounded, masked, and no forged event in it."""

from pathlib import Path
from typing import Any

import pytest

from modelyard.logs import LONGEST_LINE, CappedSink, OutputFilter, RotatingFile
from modelyard.secrets import Redactor
from modelyard.task import encode_event


class Written:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def finish(self) -> None:
        """Nothing is held back."""


def passed(*chunks: bytes, secrets: tuple[str, ...] = ()) -> tuple[bytes, list[Any]]:
    written, events, redactor = Written(), [], Redactor(secrets)
    output = OutputFilter(written, redactor, events.append, redactor.longest)
    for chunk in chunks:
        output.feed(chunk)
    output.finish()
    return written.data, events


def test_lines_pass_whole_whatever_the_chunks() -> None:
    assert passed(b"one\ntw", b"o\nthr", b"ee")[0] == b"one\ntwo\nthree\n"


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_secret_cut_in_two_is_masked(cut: int) -> None:
    text = b"the key is s3cr3t-value, and so\n"
    assert passed(text[:cut], text[cut:], secrets=("s3cr3t-value",))[0] == b"the key is ***, and so\n"


@pytest.mark.parametrize("before", range(LONGEST_LINE - 14, LONGEST_LINE + 3))
def test_a_secret_in_an_endless_line_is_masked(before: int) -> None:
    data, _ = passed(b"x" * before, b"s3cr3t-value", b"y" * 40, b"z" * LONGEST_LINE, secrets=("s3cr3t-value",))
    assert b"s3cr3t" not in data.replace(b"\n", b"")
    assert max(len(line) for line in data.splitlines()) <= 2 * LONGEST_LINE


def test_a_secret_of_several_lines_is_masked_line_by_line() -> None:
    assert passed(b"-BEGIN\n", b"abcdef\n", secrets=("-BEGIN\nabcdef",))[0] == b"***\n***\n"


def test_a_secret_is_masked_as_json_writes_it() -> None:
    assert passed(b'{"key": "a\\"bcd"}\n', secrets=('a"bcd',))[0] == b'{"key": "***"}\n'


def test_short_values_mask_nothing() -> None:
    assert passed(b"10 of 10\n", secrets=("10", ""))[0] == b"10 of 10\n"


def test_events_are_taken_out_of_the_output() -> None:
    line = encode_event({"event": "note", "text": "hello"}).encode() + b"\n"
    assert passed(b"before\n" + line + b"after\n") == (b"before\nafter\n", [{"event": "note", "text": "hello"}])


@pytest.mark.parametrize("kind", ["result", "error", "anything"])
def test_events_that_are_not_open_to_all_stay_text(kind: str) -> None:
    data, events = passed(encode_event({"event": kind}).encode() + b"\n")
    assert events == []
    assert data == b'modelyard {"event":"' + kind.encode() + b'"}\n'


def test_a_progress_bar_leaves_its_last_state() -> None:
    assert passed(b"\r 1 %\r", b" 2 %", b"\r 3 %\n")[0] == b" 3 %\n"


def test_windows_line_ends_lose_no_text() -> None:
    assert passed(b"one\r", b"\ntwo\r\n")[0] == b"one\r\ntwo\r\n"


def test_a_capped_log_keeps_its_head_and_its_tail() -> None:
    written = Written()
    sink = CappedSink(written.write, head=1000, tail=100)
    for number in range(1000):
        sink.write(b"line %04d\n" % number)
    sink.finish()
    assert written.data.startswith(b"line 0000\n")
    assert written.data.endswith(b"line 0999\n")
    assert b"left out here" in written.data
    assert len(written.data) < 1400


def test_a_short_log_is_whole() -> None:
    written = Written()
    sink = CappedSink(written.write, head=1000, tail=100)
    sink.write(b"all of it\n")
    sink.finish()
    assert written.data == b"all of it\n"


def test_a_services_log_rotates(tmp_path: Path) -> None:
    log = RotatingFile(tmp_path / "api.log", size=100, keep=2)
    for number in range(100):
        log.write(b"request %03d\n" % number)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["api.log", "api.log.1", "api.log.2"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 400
