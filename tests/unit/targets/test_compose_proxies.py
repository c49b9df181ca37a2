"""Proxies and tokens for services: what they are given, and where it is kept."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.errors import ModelyardError
from modelyard.targets.compose import secret_files
from modelyard.targets.compose.definition import Service
from modelyard.targets.compose.names import Scope
from modelyard.targets.compose.proxies import PROXIES, in_memory, on_disk, proxies_file, proxy_variables
from modelyard.targets.compose.secret_files import provide, secrets_folder, values_beside, values_of

PLAIN = {"https_proxy": "http://proxy:3128", "NO_PROXY": "example.com"}
CLOSED = {"HTTPS_PROXY": "http://me:word@proxy:3128"}


@pytest.fixture
def scope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scope]:
    monkeypatch.setattr(secret_files, "_MEMORY", tmp_path / "shm")
    (tmp_path / "shm").mkdir()
    (tmp_path / "p").mkdir()
    yield Scope("p", "dev", tmp_path / "p")


def service(name: str, **more: object) -> Service:
    return Service(name=name, address=f"serving.{name}", kind="serve", fingerprint="b3:0", role="serving", **more)  # type: ignore[arg-type]


def test_services_of_the_project_are_reached_without_a_proxy() -> None:
    found = proxy_variables({**PLAIN, "PATH": "/bin"}, ["tracking", "api"])
    assert found["https_proxy"] == "http://proxy:3128"
    assert found["NO_PROXY"] == found["no_proxy"] == "example.com,localhost,127.0.0.1,::1,api,tracking"
    assert "PATH" not in found


def test_without_a_proxy_there_is_nothing_to_hand_on() -> None:
    assert proxy_variables({"NO_PROXY": "example.com", "HTTP_PROXY": ""}, ["api"]) == {}


def test_a_proxy_with_a_password_is_kept_in_memory_alone(scope: Scope) -> None:
    variables = proxy_variables(CLOSED, [])
    on_disk(scope, variables)
    provide(scope, in_memory(variables), os.getuid())
    found = proxies_file(scope)
    assert found == secrets_folder(scope) / PROXIES
    assert json.loads(found.read_text())["HTTPS_PROXY"] == CLOSED["HTTPS_PROXY"]
    assert not [path for path in scope.root.rglob("*") if path.is_file() and "word" in path.read_text()]


def test_a_proxy_without_one_stays_when_the_machine_is_switched_off(scope: Scope) -> None:
    variables = proxy_variables(PLAIN, [])
    assert in_memory(variables) == {}
    on_disk(scope, variables)
    assert proxies_file(scope) == scope.folder / PROXIES
    on_disk(scope, {})
    assert proxies_file(scope) is None


def test_prometheus_gets_the_first_token_and_its_group_may_read_it(
    scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENS", "first-token, second-token")
    services = [service("api", secrets=("TOKENS",)), service("m", tokens=(("metrics.api", "${secret.TOKENS}"),))]
    values = values_beside(services, {})
    assert values == {"TOKENS": "first-token, second-token", "metrics.api": "first-token"}
    assert provide(scope, values, os.getuid()) == {"TOKENS", "metrics.api"}
    assert provide(scope, values, os.getuid()) == set()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in secrets_folder(scope).iterdir()}
    assert modes == {"TOKENS": 0o600, "metrics.api": 0o640}
    provide(scope, {}, os.getuid())
    assert not secrets_folder(scope).exists()


def test_a_secret_that_another_shell_has_set_stays(scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    one = service("api", secrets=("TOKENS",))
    monkeypatch.setenv("TOKENS", "v4lue")
    provide(scope, values_of(one, {}), os.getuid())
    monkeypatch.delenv("TOKENS")
    provide(scope, values_beside([one], {}), os.getuid(), kept=one.secret_files)
    assert (secrets_folder(scope) / "TOKENS").read_text() == "v4lue"
    with pytest.raises(ModelyardError, match="secret `TOKENS` is not set"):
        values_of(one, {})


def test_what_was_deployed_is_read_back_whole() -> None:
    one = service("m", secrets=("A",), tokens=(("metrics.api", "${secret.A}"),))
    assert Service.from_json(json.loads(json.dumps(one.to_json()))) == one
