"""A task's container: made, attached to, started, ended and taken away, through the SDK's low-level client."""

import json
import os
import signal
import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.targets.docker.engine_errors import lost

_HEADER = 8
_CHUNK = 1 << 16
_LOST = -signal.SIGKILL
_SIGNALS = frozenset(signal.Signals)


class TaskContainer:
    """See `modelyard.targets.launched.Launched`. What it says is on `output`; `variables` reach it on its stdin, only.

    Its stdin stays open for as long as we are there: when that ends, so does the task. `lost` says why nobody knows how
    it ended, where that is so. `networks` are joined beside the engine's own, as far as they are there.
    """

    def __init__(
        self, client: Any, name: str, config: Mapping[str, Any], variables: Mapping[str, str],
        networks: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._client = client
        self._ended = threading.Event()
        self._code: int | None = None
        self.out_of_memory = False
        self.lost: ModelyardError | None = None
        self._socket: socket.socket | None = None
        self.id: str = client.create_container_from_config(dict(config), name)["Id"]
        try:
            self._join(networks)
            self._socket = self._attach()
            client.start(self.id)
            self._socket.sendall(json.dumps(dict(variables)).encode() + b"\n")
        except BaseException:
            self.close()
            raise
        self.output, writer = os.pipe()
        threading.Thread(target=self._listen, args=(self._socket, writer), daemon=True).start()

    def _join(self, networks: Sequence[str]) -> None:
        """One by one: engines before 25 take a single network with a new container."""
        from docker.errors import NotFound

        for network in networks:
            try:  # some engines take a network that is not there, and fail when the container starts
                self._client.inspect_network(network)
            except NotFound:
                continue  # it comes with a service that does not run: whoever needs it will say so
            self._client.connect_container_to_network(self.id, network)

    def _attach(self) -> socket.socket:
        self._stream = self._client.attach_socket(self.id, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        connection: socket.socket = getattr(self._stream, "_sock", self._stream)
        connection.settimeout(None)
        return connection

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

        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
        with suppress(APIError, OSError):
            self._client.remove_container(self.id, force=True, v=True)

    def _listen(self, stream: socket.socket, writer: int) -> None:
        """Take the frames of its stdout and stderr apart, to the end; then ask how it ended."""
        with suppress(OSError):
            while header := _exactly(stream, _HEADER):
                left = struct.unpack(">I", header[4:])[0]
                while left:
                    data = stream.recv(min(left, _CHUNK))
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
        except (APIError, OSError) as error:
            self.lost = lost(error)
            return _LOST
        return as_process(code)


def as_process(code: int) -> int:
    """A container's exit code as a process tells it: negative where a signal ended it."""
    return 128 - code if code - 128 in _SIGNALS else code


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
