"""A store that holds models, and a server over it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from modelyard.serving.app import make_app
from modelyard.serving.channel import Channel
from modelyard.serving.predictions import PredictionLog
from modelyard.serving.settings import ServerSettings
from modelyard.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open({}, tmp_path)


@pytest.fixture
def promote(store: Store) -> Callable[..., dict[str, Any]]:
    """Put a model's folder in the store and point `production` at it."""

    def promoted(folder: Path, version: int = 1, name: str = "digits") -> dict[str, Any]:
        digest = store.put_tree(folder).digest
        record = {"name": name, "version": version, "stages": ["production"], "passed": True, "model": digest}
        store.put_ref(f"registry/{name}/production", record)
        return record

    return promoted


@pytest.fixture
def settings(tmp_path: Path) -> ServerSettings:
    config = {"model": "digits", "stage": "production", "port": 0}
    return ServerSettings.read("serving.api", config, tmp_path, tmp_path / "work", {})


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.fixture
def open_server(
    store: Store, settings: ServerSettings, pool: ThreadPoolExecutor
) -> Iterator[Callable[..., TestClient]]:
    """A client of a running application; keyword arguments change the settings."""
    opened: list[TestClient] = []

    def opened_with(**changes: Any) -> TestClient:
        changed = replace(settings, **changes)
        log = PredictionLog(changed.predictions, changed.sample, changed.hashed)
        client = TestClient(make_app(changed, Channel(store, changed, pool), log), raise_server_exceptions=False)
        client.__enter__()
        opened.append(client)
        return client

    yield opened_with
    for client in opened:
        client.__exit__(None, None, None)
