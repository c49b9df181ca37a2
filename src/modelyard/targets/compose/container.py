"""A task's container: made, attached to, started, ended and taken away, through the SDK's low-level client."""

import json
import os
import signal
import socket
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

_HEADER = 8
_CHUNK = 1 << 16
_LOST = -signal.SIGKILL


class TaskContainer:
    """See `modelyard.targets.launched.Launched`. What it says is on `output`; `secrets` reach it on its stdin, only.

    Its stdin stays open for as long as we are there: when that ends, so does the task.
    """

    def __init__(self, client: Any, name: str, config: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        from docker.errors import APIError

        self._client = client
        self._ended = threading.Event()
        self._code: int | None = None
        self.out_of_memory = False
        self.id: str = client.create_container_from_config(dict(config), name)["Id"]
        try:
            self._stream = client.attach_socket(self.id, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            self._socket: socket.socket = getattr(self._stream, "_sock", self._stream)
            self._socket.settimeout(None)
            client.start(self.id)
        except (APIError, OSError):
            self.close()
            raise
        self.output, writer = os.pipe()
        self._socket.sendall(json.dumps(dict(secrets)).encode() + b"\n")
        threading.Thread(target=self._listen, args=(writer,), daemon=True).start()

    def exit_code(self, wait: float) -> int | None:
        """As of a process: negative where a signal ended it."""
        return self._code if self._ended.wait(wait) else None

    def signal(self, signum: int) -> None:
        from docker.errors import APIError

        with suppress(APIError, OSError):  # it has ended meanwhile, or the engine has
            self._client.kill(self.id, signal=signal.Signals(signum).name)

    def close(self) -> None:
        """Take it away, whatever it does. One that is gone is no error."""
        from docker.errors import APIError

        with suppress(OSError):
            self._socket.close()
        with suppress(APIError, OSError):
            self._client.remove_container(self.id, force=True, v=True)

    def _listen(self, writer: int) -> None:
        """Take the frames of its stdout and stderr apart, to the end; then ask how it ended."""
        with suppress(OSError):
            while header := _exactly(self._socket, _HEADER):
                left = struct.unpack(">I", header[4:])[0]
                while left:
                    data = self._socket.recv(min(left, _CHUNK))
                    if not data:
                        break
                    left -= len(data)
                    _write(writer, data)
        self._code = self._how_it_ended()
        self._ended.set()
        os.close(writer)

    def _how_it_ended(self) -> int:
        from docker.errors import APIError

        try:
            code = int(self._client.wait(self.id)["StatusCode"])
            self.out_of_memory = bool(self._client.inspect_container(self.id)["State"].get("OOMKilled"))
        except (APIError, OSError, KeyError):
            return _LOST  # the engine went, and its containers with it
        return 128 - code if code > 128 else code


def _exactly(stream: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            return b""
        data += more
    return data


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
