"""Tests against the API server of `cluster`, and its Job controller and kubelet."""

from collections.abc import Iterator

import pytest

from cluster import ApiServer


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server
        assert not server.failures, server.failures[0]
