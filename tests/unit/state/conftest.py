"""Every test of the state runs on SQLite, and under `-m e2e` on a PostgreSQL of its own."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from modelyard.state import State


def _pg_ctl() -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return shutil.which("pg_ctl") or (str(found[-1]) if found else None)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server: `MODELYARD_TEST_POSTGRES`, or a cluster made for this session."""
    if url := os.environ.get("MODELYARD_TEST_POSTGRES"):
        yield url
        return
    pg_ctl = _pg_ctl()
    if pg_ctl is None:
        pytest.skip("no PostgreSQL on this machine")
    home = Path(f"/tmp/modelyard-pg-{uuid4().hex[:8]}")
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    control = [*as_user, pg_ctl, "-D", str(home / "data"), "-w", "-s"]
    subprocess.run([*control, "initdb", "-o", "-U modelyard -A trust"], check=True, stdout=subprocess.DEVNULL)
    options = f"-c listen_addresses='' -c unix_socket_directories={home}"
    subprocess.run([*control, "-l", str(home / "log"), "-o", options, "start"], check=True, stdout=subprocess.DEVNULL)
    yield f"postgresql://modelyard@/postgres?host={home}"
    subprocess.run([*control, "-m", "immediate", "stop"], check=True)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.e2e)])
def uri(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return "sqlite:///state/state.db"
    import psycopg

    server, schema = request.getfixturevalue("postgres"), f"t{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    return f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{schema}"


@pytest.fixture
def open_state(uri: str, tmp_path: Path) -> Iterator[Callable[..., State]]:
    """Opens the same state again at each call, as another process would."""
    opened: list[State] = []

    def opener(**options: object) -> State:
        opened.append(State.open(uri, tmp_path, **options))
        return opened[-1]

    yield opener
    for state in opened:
        state.close()


@pytest.fixture
def state(open_state: Callable[..., State]) -> State:
    return open_state()
