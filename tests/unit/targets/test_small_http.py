"""One GET over a socket: whole answers, answers of servers that do not close, and no answers."""

import socket
import threading
import time
from contextlib import suppress

import pytest

from modelyard.targets.small_http import Reply, get


def asked(*parts: bytes, closes: bool = True, limit: int | None = None, seconds: float = 5.0) -> Reply:
    """What is made of an answer that comes in these parts."""
    here, there = socket.socketpair()

    def answer() -> None:
        there.recv(65536)
        with suppress(OSError):  # who asked has gone
            for part in parts:
                there.sendall(part)
                time.sleep(0.02)
        if closes:
            there.close()

    with here, there:
        threading.Thread(target=answer, daemon=True).start()
        return get(here, "there", "/health", seconds, limit)


def test_an_answer_in_pieces_is_read_to_its_end():
    reply = asked(b"HTTP/1.1 200 O", b"K\r\nX-One: 1\r\n", b"\r", b"\nab", b"cd")
    assert (reply.status, reply.headers, reply.body) == (200, {"x-one": "1"}, b"abcd")


def test_a_server_that_does_not_close_is_not_waited_for():
    assert asked(b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n", b"no", closes=False).body == b"no"


def test_no_more_is_read_than_wanted():
    assert asked(b"HTTP/1.0 200 OK\r\n\r\n", b"x" * 100, b"y" * 100, closes=False, limit=50).body == b"x" * 50


@pytest.mark.parametrize(
    "said", [b"", b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"HTTP/1.1 hello\r\n\r\n", b"HTTP/1.1 200 OK\r\n"]
)
def test_what_is_no_http_is_an_error_of_the_system(said):
    with pytest.raises(OSError, match="something else than HTTP"):
        asked(said)


@pytest.mark.parametrize("said", [(), (b"HTTP/1.1 200 OK\r\n\r\n", b"a", b"b", b"c", b"d", b"e")])
def test_one_that_takes_too_long_is_left(said):
    """However it does: each piece in time, and never an end."""
    with pytest.raises(TimeoutError):
        asked(*said, closes=False, seconds=0.08)
