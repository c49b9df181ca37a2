"""The server as it runs: a process of its own, a real socket, signals."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from running_server import SERVER, Running, is_ready
from serving_models import make_detector, picture

from modelyard.errors import ModelyardError
from modelyard.serving import client
from watching import eventually


@pytest.fixture
def server(tmp_path: Path, promote: Callable) -> Iterator[Running]:
    promote(make_detector(tmp_path / "model"))
    running = Running(tmp_path, batch={"max": 8, "wait": 0.3})
    try:
        eventually(lambda: is_ready(running.url), 60)
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        running.process.stdout.close()


def test_a_client_of_the_standard_library_asks_and_draws_and_the_server_ends_well(server, tmp_path):
    from modelyard.serving.draw import draw_boxes

    photo = tmp_path / "photo.png"
    photo.write_bytes(picture())
    answer = client.predict_image(server.url, photo)
    assert len(answer["boxes"]) == 2
    assert draw_boxes(photo, answer, tmp_path / "drawn" / "photo.png").stat().st_size > 500
    with pytest.raises(ModelyardError, match="takes a picture"):
        client.predict_rows(server.url, [{"a": 1}])
    said = server.stop()
    assert server.process.returncode == 0
    assert said[-1] == {"event": "ended", "heavy": []}
    assert "version 1 answers now, on cpu" in said[0]["text"]


def test_sigterm_answers_what_is_under_way_and_loses_no_prediction(server, tmp_path):
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(client.predict_image(server.url, picture())))
    asking.start()
    eventually(lambda: "ESTABLISHED" in {one.status for one in psutil.Process(server.process.pid).net_connections()})
    time.sleep(0.1)  # it waits for others to make a batch
    server.stop()
    asking.join()
    assert len(answers[0]["boxes"]) == 2
    assert server.process.returncode == 0
    log = next((tmp_path / ".modelyard" / "predictions" / "api").glob("*.jsonl"))
    assert json.loads(log.read_text())["id"] == answers[0]["id"]


def test_a_client_that_has_connected_before_the_end_is_answered(server):
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as early:
        process = psutil.Process(server.process.pid)
        eventually(lambda: "ESTABLISHED" in {one.status for one in process.net_connections()})
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionError):
            while True:  # until nobody listens any more
                socket.create_connection((host, int(port)), timeout=10).close()
        early.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert early.recv(4096).startswith(b"HTTP/1.1 200")
    server.stop()
    assert server.process.returncode == 0


def test_sigkill_loses_at_most_a_second_of_predictions(server, tmp_path):
    asked = client.predict_image(server.url, picture())["id"]
    predictions = tmp_path / ".modelyard" / "predictions" / "api"
    eventually(lambda: any(asked in log.read_text() for log in predictions.glob("*.jsonl")))  # by itself
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    assert asked in next(predictions.glob("*.jsonl")).read_text()


def test_it_listens_on_the_loopback_only(server):
    assert server.url.startswith("http://127.0.0.1:")


def test_a_port_that_is_taken_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = json.dumps({"model": "digits", "stage": "production", "port": port})
        argv = [sys.executable, "-c", SERVER, str(tmp_path), config]
        ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert f"port 127.0.0.1:{port} is taken" in ended.stderr


def test_a_server_that_is_not_there_is_said_with_what_to_do():
    with pytest.raises(ModelyardError, match="nothing answers") as error:
        client.predict_image("http://127.0.0.1:9", b"")
    assert "modelyard apply" in str(error.value.fix)
