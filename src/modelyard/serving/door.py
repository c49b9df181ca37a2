"""`python -m modelyard.serving.door`: holds a listening socket, and lends it to whichever server is there.

A server may end and another take over without one refused connection: what comes meanwhile waits in the socket's queue.
The socket is handed on through a Unix socket (SCM_RIGHTS), so that servers in other containers can take it.
"""

import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

BACKLOG = 1024
ENTRANCE = "MODELYARD_DOOR"
"""The environment variable with the path of the Unix socket: the same for the door and its servers."""


def hold(host: str, port: int, entrance: Path) -> None:
    """Listen on `host:port`, and lend that at `entrance` until SIGTERM. Raises OSError."""
    entrance.unlink(missing_ok=True)  # of a door that was killed
    with (
        socket.create_server((host, port), backlog=BACKLOG, reuse_port=False) as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as lender,
        selectors.DefaultSelector() as waiting,
    ):
        lender.bind(str(entrance))
        entrance.chmod(0o600)
        lender.listen(16)
        waiting.register(lender, selectors.EVENT_READ)
        while True:
            waiting.select()
            borrower, _ = lender.accept()
            with borrower, suppress(OSError):  # who asked has gone again
                socket.send_fds(borrower, [b"door"], [listener.fileno()])


def borrow(entrance: Path) -> socket.socket:
    """The listening socket that a door lends. Raises OSError where there is no door."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
        asking.settimeout(10)
        asking.connect(str(entrance))
        _, lent, _, _ = socket.recv_fds(asking, 16, 1)
    if not lent:
        raise ConnectionError(f"{entrance} lent no socket")
    return socket.socket(fileno=lent[0])


def _end(signum: int, frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> None:
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    host, port = os.environ.get("MODELYARD_HOST", "127.0.0.1"), int(os.environ["MODELYARD_PORT"])
    hold(host, port, Path(os.environ[ENTRANCE]))


if __name__ == "__main__":
    main()
