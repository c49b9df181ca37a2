import time
from collections.abc import Callable

import pytest
from serving_models import make_detector, picture
from starlette.testclient import TestClient

from modelyard.errors import ModelyardError
from modelyard.serving.channel import Channel


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.05)
    assert true()


def version_of(client: TestClient) -> str:
    return client.post("/predict", content=picture()).json()["version"]


def test_a_promoted_version_is_taken_up_and_no_request_fails(tmp_path, promote, open_server):
    promote(make_detector(tmp_path / "one"), version=1)
    client = open_server()
    assert version_of(client) == "1"
    promote(make_detector(tmp_path / "two", scores=(0.7, 0.6)), version=2)
    seen: list[str] = []

    def asked() -> bool:
        seen.append(version_of(client))
        return seen[-1] == "2"

    wait_until(asked)
    assert set(seen) == {"1", "2"}
    assert client.get("/v2/health").json()["version"] == "2"


def test_a_version_that_does_not_load_is_refused_and_the_old_one_answers(tmp_path, promote, open_server):
    promote(make_detector(tmp_path / "one"), version=1)
    client = open_server()
    broken = make_detector(tmp_path / "two")
    (broken / "model.onnx").write_bytes(b"no model")
    promote(broken, version=2)
    wait_until(lambda: client.get("/v2/health").json()["problem"] is not None)
    health = client.get("/v2/health").json()
    assert "version 2 was refused, 1 keeps answering" in health["problem"]
    assert health["ready"]
    assert version_of(client) == "1"
    assert 'modelyard_model_loads_total{result="refused"} 1.0' in client.get("/metrics").text


def test_nothing_promoted_is_said_and_becomes_ready_later(tmp_path, promote, open_server):
    client = open_server()
    assert client.get("/v2/health/ready").status_code == 503
    reply = client.post("/predict", content=picture())
    assert (reply.status_code, reply.json()["code"]) == (503, "not-ready")
    assert "registry/digits/production" in reply.json()["error"]
    promote(make_detector(tmp_path / "one"))
    wait_until(lambda: client.get("/v2/health/ready").status_code == 200)


def test_a_store_that_fails_does_not_stop_what_is_loaded(tmp_path, promote, store, settings, pool, monkeypatch):
    promote(make_detector(tmp_path / "one"))
    channel = Channel(store, settings, pool)
    assert channel.refresh()
    monkeypatch.setattr(store, "get_ref", lambda name: (_ for _ in ()).throw(OSError("gone")))
    assert not channel.refresh()
    assert channel.serving().version == "1"
    assert "gone" in str(channel.problem)


def test_a_reference_that_names_no_model_is_refused(store, settings, pool):
    store.put_ref("registry/digits/production", {"version": 3})
    channel = Channel(store, settings, pool)
    assert not channel.refresh()
    with pytest.raises(ModelyardError, match="version 3 was refused"):
        channel.serving()
