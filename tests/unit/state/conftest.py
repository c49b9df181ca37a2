"""Every test of the state runs on SQLite, on a cluster's objects, and under `-m e2e` on a PostgreSQL of its own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from folder_objects import open_at
from modelyard.state import State, cluster, kubernetes
from postgres_server import pg_ctl, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server: `MODELYARD_TEST_POSTGRES`, or a cluster made for this session."""
    if url := os.environ.get("MODELYARD_TEST_POSTGRES"):
        yield url
        return
    if pg_ctl() is None:
        pytest.skip("no PostgreSQL on this machine: apt-get install postgresql")
    with running_postgres() as server:
        yield server.socket


@pytest.fixture(params=["sqlite", "kubernetes", pytest.param("postgresql", marks=pytest.mark.e2e)])
def uri(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "sqlite":
        return "sqlite:///state/state.db"
    if request.param == "kubernetes":
        monkeypatch.setattr(cluster, "_FRESH_SECONDS", 0.0)
        monkeypatch.setattr(kubernetes, "_WATCHED_SECONDS", 0.0)
        return "kubernetes://"
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
        opened.append(open_at(uri, tmp_path, **options))
        return opened[-1]

    yield opener
    for state in opened:
        state.close()


@pytest.fixture
def state(open_state: Callable[..., State]) -> State:
    return open_state()
