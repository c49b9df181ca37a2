"""A bridge of the cluster's own: each pod has an address there, each Service one that leads to its ready pods."""

import contextlib
import random
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_FILTERED = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


def ip(*lines: str) -> None:
    text = "".join(f"{line}\n" for line in lines)
    subprocess.run(["ip", "-batch", "-"], input=text, text=True, check=True, capture_output=True)


class Network:
    """`10.N.0.1` is the host, as pods see it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.host = f"10.{number}.0.1"
        self.bridge = f"myb{number}"
        self._next = 10
        self._turn = threading.Lock()
        self._doors: dict[tuple[str, int], Door] = {}
        ip(
            f"link add {self.bridge} type bridge",
            f"addr add {self.host}/16 dev {self.bridge}",
            f"link set {self.bridge} up",
        )
        self._let_through("-I")

    def close(self) -> None:
        self._let_through("-D")
        for door in self._doors.values():
            door.close()
        with contextlib.suppress(subprocess.CalledProcessError):
            ip(f"link del {self.bridge}")

    def _let_through(self, verb: str) -> None:
        """From pod to pod: where bridged packets are filtered too, Docker's rules drop all that they do not know."""
        if _FILTERED.is_file() and _FILTERED.read_text().strip() == "1" and shutil.which("iptables"):
            rule = ["FORWARD", "-i", self.bridge, "-o", self.bridge, "-j", "ACCEPT"]
            subprocess.run(["iptables", "-w", verb, *rule], check=False, capture_output=True)

    def join(self, pid: int) -> tuple[str, str]:
        """Give the network namespace of a process an interface: its address, and what the process has to run."""
        with self._turn:
            self._next += 1
            number = self._next
        address = f"10.{self.number}.{number // 200}.{number % 200 + 2}"
        mine = f"mv{self.number}x{number}"
        ip(f"link add {mine} type veth peer name eth0 netns {pid}", f"link set {mine} master {self.bridge} up")
        setup = f"printf 'link set lo up\\naddr add {address}/16 dev eth0\\nlink set eth0 up\\n' | ip -batch -"
        return address, setup

    def open_door(self, address: str, port: int, backend: Callable[[], tuple[str, int] | None]) -> None:
        """What comes to `address:port` goes to whatever `backend` names then. One that is open stays."""
        if (address, port) in self._doors:
            return
        if address != self.host:
            with contextlib.suppress(subprocess.CalledProcessError):
                ip(f"addr add {address}/16 dev {self.bridge}")
        self._doors[address, port] = Door(address, port, backend)

    def close_door(self, address: str, port: int) -> None:
        if door := self._doors.pop((address, port), None):
            door.close()

    def doors(self) -> set[tuple[str, int]]:
        return set(self._doors)


class Door:
    def __init__(self, address: str, port: int, backend: Callable[[], tuple[str, int] | None]) -> None:
        self._backend = backend
        self._server = socket.create_server((address, port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        place = self._backend()
        try:
            server = socket.create_connection(place, timeout=10) if place else None
        except OSError:
            server = None
        if server is None:
            client.close()
            return
        server.settimeout(None)
        other = threading.Thread(target=_pump, args=(server, client), daemon=True)
        other.start()
        _pump(client, server)
        other.join()
        client.close()
        server.close()


def _pump(source: Any, sink: Any) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def free_number() -> int:
    """One whose bridge no other tests have made."""
    numbers = [number for number in range(64, 251) if not Path(f"/sys/class/net/myb{number}").exists()]
    return random.choice(numbers)
