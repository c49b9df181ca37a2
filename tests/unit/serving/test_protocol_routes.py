import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from serving_models import SIDE, logged, make_classifier, make_detector
from starlette.testclient import TestClient

INFER = "/v2/models/digits/infer"


@pytest.fixture
def classifier(tmp_path: Path, promote: Callable, open_server: Callable[..., TestClient]) -> TestClient:
    promote(make_classifier(tmp_path / "model"), version=7)
    return open_server()


def delays(*values: float) -> dict:
    return {"name": "delay", "shape": [len(values), 1], "datatype": "FP32", "data": list(values)}


def carriers(*values: str) -> dict:
    return {"name": "carrier", "shape": [len(values), 1], "datatype": "BYTES", "data": list(values)}


def test_health_and_metadata(classifier):
    assert classifier.get("/v2/health/live").json() == {"live": True}
    assert classifier.get("/v2/health/ready").json() == {"ready": True, "version": "7"}
    health = classifier.get("/v2/health").json()
    assert (health["model"], health["version"], health["device"], health["problem"]) == ("digits", "7", "cpu", None)
    assert "binary_tensor_data" in classifier.get("/v2").json()["extensions"]
    metadata = classifier.get("/v2/models/digits").json()
    assert metadata["inputs"][0] == {"name": "delay", "datatype": "FP32", "shape": [-1, 1]}
    assert metadata["versions"] == ["7"]
    assert classifier.get("/v2/models/digits/versions/7/ready").json()["ready"] is True


@pytest.mark.parametrize("path", ["/v2/models/letters", "/v2/models/digits/versions/6", "/v2/models/letters/ready"])
def test_another_model_or_version_is_not_found(classifier, path):
    reply = classifier.get(path)
    assert reply.status_code == 404
    assert "digits" in reply.json()["error"] or "7" in reply.json()["error"]


def test_infer_with_json_tensors(classifier):
    asked = {"id": "a1", "inputs": [delays(0, 50), carriers("AA", "UA")], "outputs": [{"name": "probabilities"}]}
    answer = classifier.post(INFER, json=asked).json()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("a1", "digits", "7")
    (output,) = answer["outputs"]
    assert (output["shape"], output["datatype"]) == ([2, 2], "FP32")
    assert output["data"] == pytest.approx([0.5, 0.5, 0, 1])


def test_nested_data_and_wider_numbers_are_taken(classifier):
    wide = {"name": "delay", "shape": [2, 1], "datatype": "FP64", "data": [[0], [0]]}
    answer = classifier.post("/v2/models/digits/versions/7/infer", json={"inputs": [wide, carriers("a", "b")]}).json()
    assert answer["outputs"][0]["data"] == pytest.approx([0.5] * 4)
    assert answer["outputs"][1]["data"] == ["a", "b"]


def test_infer_with_binary_tensors_both_ways(classifier):
    delay = np.array([[0], [50]], "<f4").tobytes()
    carrier = b"".join(struct.pack("<I", len(word)) + word for word in (b"AA", b"UA"))
    head = json.dumps(
        {
            "inputs": [
                {"name": "delay", "shape": [2, 1], "datatype": "FP32", "parameters": {"binary_data_size": len(delay)}},
                {
                    "name": "carrier",
                    "shape": [2, 1],
                    "datatype": "BYTES",
                    "parameters": {"binary_data_size": len(carrier)},
                },
            ],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    sent = {"Inference-Header-Content-Length": str(len(head))}
    reply = classifier.post(INFER, content=head + delay + carrier, headers=sent)
    length = int(reply.headers["inference-header-content-length"])
    first, second = json.loads(reply.content[:length])["outputs"]
    raw = reply.content[length:]
    size = first["parameters"]["binary_data_size"]
    assert np.frombuffer(raw[:size], "<f4") == pytest.approx([0.5, 0.5, 0, 1])
    assert raw[size:] == carrier
    assert second["parameters"]["binary_data_size"] == len(carrier)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "inputs"),
        ({"inputs": [delays(1)]}, "carrier"),
        ({"inputs": [{**delays(1), "name": "x"}]}, "no input x"),
        ({"inputs": [{**delays(1), "shape": [2, 1]}, carriers("a")]}, "holds 2 values, data has 1"),
        ({"inputs": [{**delays(1), "shape": [-1, 1]}, carriers("a")]}, "shape"),
        ({"inputs": [{**delays(1), "datatype": "FLOAT"}, carriers("a")]}, "datatype"),
        ({"inputs": [{**delays(1), "data": ["x"]}, carriers("a")]}, "not a tensor"),
        ({"inputs": [{**delays(1), "data": [[1], [2, 3]]}, carriers("a")]}, "not a tensor"),
        ({"inputs": [{**delays(1), "parameters": {"binary_data_size": 4}}, carriers("a")]}, "cut off"),
        ({"inputs": [delays(1, 2), carriers("a")], "outputs": [{"name": "boxes"}]}, "no output boxes"),
    ],
)
def test_bad_tensors_are_refused_in_words(classifier, asked, says):
    reply = classifier.post(INFER, json=asked)
    assert reply.status_code == 400
    assert says in reply.json()["error"]


def test_rows_sent_as_tensors_are_logged_as_rows(classifier, settings):
    classifier.post(INFER, json={"id": "a1", "inputs": [delays(50), carriers("AA")]})
    (line,) = logged(settings, 1)
    assert line["inputs"] == {"delay": 50, "carrier": "AA"}
    assert line["outputs"]["prediction"] == "1"


def test_a_picture_model_takes_tensors_too(tmp_path, promote, open_server):
    promote(make_detector(tmp_path / "detector"))
    pixels = [1.0] * (3 * SIDE * SIDE)
    asked = {"inputs": [{"name": "images", "shape": [1, 3, SIDE, SIDE], "datatype": "FP32", "data": pixels}]}
    assert open_server().post(INFER, json=asked).json()["outputs"][0]["shape"] == [1, 6, 3]
