"""A PostgreSQL of the tests' own: a cluster in a folder, reached over a socket or, with a password, over TCP."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "cor rect/horse@battery"


def pg_ctl() -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return shutil.which("pg_ctl") or (str(found[-1]) if found else None)


@dataclass(frozen=True)
class Postgres:
    home: Path
    port: int

    @property
    def socket(self) -> str:
        """The URL of its socket, where nobody asks for a password."""
        return f"postgresql://modelyard@:{self.port}/postgres?host={self.home}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        options = f"-c unix_socket_directories={self.home} -c listen_addresses=127.0.0.1 -p {self.port}"
        self.control("-l", str(self.home / "log"), "-o", options, "start")

    def stop(self) -> None:
        self.control("-m", "immediate", "stop")

    def control(self, *arguments: str) -> None:
        program = pg_ctl()
        assert program is not None
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        argv = [*as_user, program, "-D", str(self.home / "data"), "-w", "-s", *arguments]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, cwd="/")


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A started server; who comes over TCP gives `PASSWORD`."""
    home = Path(tempfile.mkdtemp(prefix="modelyard-pg-", dir="/tmp"))
    home.chmod(0o777)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    secret = home / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    server = Postgres(home, port)
    server.control("initdb", "-o", f"-U modelyard --auth-local=trust --auth-host=scram-sha-256 --pwfile={secret}")
    server.start()
    try:
        yield server
    finally:
        if (home / "data" / "postmaster.pid").exists():
            server.stop()
        shutil.rmtree(home, ignore_errors=True)
