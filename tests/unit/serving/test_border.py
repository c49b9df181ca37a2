import pytest
from serving_models import make_detector, picture

from modelyard.serving import guard
from modelyard.serving.settings import ServerSettings


@pytest.fixture
def guarded(tmp_path, promote, open_server):
    promote(make_detector(tmp_path / "model"))
    return open_server(tokens=("alpha", "beta"))


@pytest.mark.parametrize(
    "header", [None, "Bearer gamma", "Basic alpha", "Bearer", "alpha", "Bearer alphabeta", "Bearer ümlaut"]
)
def test_without_a_good_token_nothing_is_answered(guarded, header):
    headers = {"authorization": header.encode()} if header else {}
    reply = guarded.post("/predict", content=picture(), headers=headers)
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert guarded.get("/metrics", headers=headers).status_code == 401


def test_each_token_is_let_in_and_health_is_open(guarded):
    for token in ("alpha", "beta"):
        assert guarded.post("/predict", content=picture(), headers={"authorization": f"Bearer {token}"}).is_success
    assert guarded.get("/v2/health/ready").is_success
    assert guarded.get("/").is_success


def test_a_body_that_is_too_large_is_stopped_with_and_without_its_length(tmp_path, promote, open_server, monkeypatch):
    promote(make_detector(tmp_path / "model"))
    client = open_server()
    large = b"x" * (guard.BODY_LIMIT + 1)
    assert client.post("/predict", content=large).status_code == 413
    assert client.post("/predict", content=iter([large[:-10], large[-10:], b"x"])).status_code == 413


def test_unknown_paths_and_methods_are_answered_in_json(guarded):
    headers = {"authorization": "Bearer alpha"}
    assert guarded.get("/nowhere", headers=headers).json() == {"error": "Not Found", "code": "http"}
    assert guarded.get("/predict", headers=headers).status_code == 405


def test_requests_are_counted_by_route_and_status(guarded):
    headers = {"authorization": "Bearer alpha"}
    guarded.post("/predict", content=picture(), headers=headers)
    guarded.post("/predict", content=b"?", headers=headers)
    text = guarded.get("/metrics", headers=headers).text
    assert 'modelyard_requests_total{route="/predict",status="200"} 1.0' in text
    assert 'modelyard_requests_total{route="/predict",status="400"} 1.0' in text
    assert 'modelyard_predictions_total{label="zero"} 1.0' in text
    assert 'modelyard_model_info{model="digits",version="1"} 1.0' in text


def test_the_page_loads_nothing_from_elsewhere(guarded):
    page = guarded.get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text.replace("http://www.w3.org/2000/svg", ""), "the name of a format is no address"
    assert "https://" not in page.text


def test_tokens_are_secrets_resolved_here_and_may_be_several(tmp_path, monkeypatch):
    monkeypatch.setenv("API_TOKENS", "one, two")
    config = {"model": "m", "stage": "production", "auth": {"tokens": ["${secret.API_TOKENS}"]}}
    assert ServerSettings.read("serving.api", config, tmp_path, tmp_path, {}).tokens == ("one", "two")
