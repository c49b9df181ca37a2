"""Ports of this machine: free ones, and who has the others."""

import socket
from contextlib import suppress

from modelyard.errors import ModelyardError

_TRIED = 50
PORTS = {"serve": 8080, "tracking": 5000, "grafana": 3000}
"""Where a kind of service listens, unless its spec says otherwise."""


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def find_free(host: str, preferred: int) -> int:
    """`preferred` or one of the next fifty; else any."""
    for port in range(preferred, preferred + _TRIED):
        if is_free(host, port):
            return port
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def taken(address: str, host: str, port: int) -> ModelyardError:
    holder = who_listens(port)
    return ModelyardError(
        f"port {port} on {host} is taken{f' by {holder}' if holder else ''}",
        address=address,
        fix=f"stop that process, or give {address} another `port`",
        code="port-taken",
    )


def who_listens(port: int) -> str | None:
    """The process that listens on a port, in words, where this user may know."""
    import psutil

    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                process = psutil.Process(connection.pid)
                command = " ".join(process.cmdline())[:80] or process.name()
                return f"`{command}` (pid {connection.pid}, user {process.username()})"
    return None


def reachable(host: str) -> str:
    """The host by which this machine reaches a server that listens on `host`."""
    if host in ("0.0.0.0", ""):  # noqa: S104 - compared, not listened on
        return "127.0.0.1"
    return "[::1]" if host == "::" else f"[{host}]" if ":" in host else host
