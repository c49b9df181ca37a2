"""What a build is given of this machine's pip, and what is said of one that failed. No engine is asked."""

import os
import stat
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from modelyard.errors import ModelyardError
from modelyard.targets.docker import compose_cli
from modelyard.targets.images import Image, pip_settings
from modelyard.targets.images.build_failures import build_failed
from modelyard.targets.images.pip_settings import CERTIFICATES, CONF, NETRC, NETWORK, pip_secrets
from modelyard.targets.images.turns import take_turn
from modelyard.targets.images.wheelhouse import lend

IMAGE = Image("tasks", "modelyard/flights-tasks:0123", {"Dockerfile": b"# x\nARG BASE=python:3.11-slim\n"})


@pytest.fixture(autouse=True)
def own_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """pip's settings are those of one file, and of the variables that a test sets."""
    for name in [name for name in os.environ if name.startswith("PIP_") or "proxy" in name.lower()]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    conf = tmp_path / "pip.conf"
    conf.write_text("")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(conf))
    # pip reads the machine's and the user's files too, whatever PIP_CONFIG_FILE says.
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return conf


def read_conf(variables: dict[str, str]) -> dict[str, str]:
    lines = Path(variables[CONF]).read_text().splitlines()
    assert lines[0] == "[global]"
    return dict(line.split(" = ", 1) for line in lines[1:])


def test_settings_win_as_they_do_for_pip(own_pip, monkeypatch):
    own_pip.write_text(
        "[global]\ntimeout = 5\nretries = 1\nproxy = http://a:1\n[install]\nretries = 2\nproxy = http://b:1\n"
    )
    monkeypatch.setenv("PIP_PROXY", "http://c:1")
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "9")
    with pip_secrets(near=True) as variables:
        assert read_conf(variables).items() >= {"timeout": "9", "retries": "2", "proxy": "http://c:1"}.items()


def test_settings_that_no_build_can_use_are_left_out(own_pip):
    own_pip.write_text("[global]\nconstraint = /x.txt\ntarget = /y\nno-index = true\n[freeze]\ntimeout = 1\n")
    with pip_secrets(near=True) as variables:
        assert read_conf(variables)["no-index"] == "true"
        assert not {"constraint", "target", "timeout"} & set(read_conf(variables))


def test_what_a_build_is_given_is_ours_alone_and_gone_afterwards(own_pip, tmp_path):
    (tmp_path / "ca.pem").write_text("CERTIFICATE")
    own_pip.write_text(f"[global]\ncert = {tmp_path}/ca.pem\nindex-url = https://me:word@pypi.example.com/simple\n")
    with pip_secrets(near=True) as variables:
        conf = Path(variables[CONF])
        assert stat.S_IMODE(conf.stat().st_mode) == 0o600
        assert stat.S_IMODE(conf.parent.stat().st_mode) == 0o700
        assert read_conf(variables)["index-url"] == "https://me:word@pypi.example.com/simple"
        assert read_conf(variables)["cert"] == "/run/secrets/pip_ca"
        assert Path(variables[CERTIFICATES]).read_text() == "CERTIFICATE"
    assert not conf.parent.exists()


def test_only_the_logins_of_its_indexes_reach_a_build(own_pip, tmp_path):
    (tmp_path / "netrc").write_text(
        "machine pypi.example.com login me password word\nmachine bank.example.com login me password other\n"
    )
    (tmp_path / "netrc").chmod(0o600)
    own_pip.write_text("[global]\nindex-url = https://pypi.example.com/simple\n")
    with pip_secrets(near=True) as variables:
        assert Path(variables[NETRC]).read_text() == "machine pypi.example.com login me password word\n"


def test_a_folder_of_packages_is_lent_to_an_engine_that_is_near(own_pip, tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "a-1.0-py3-none-any.whl").write_text("A")
    own_pip.write_text(f"[global]\nfind-links = {tmp_path}/wheels {tmp_path}/gone https://example.com/wheels\n")
    with pip_secrets(near=True) as variables:
        lent, other = read_conf(variables)["find-links"].split()
        assert other == "https://example.com/wheels"
        assert b"a-1.0-py3-none-any.whl" in urllib.request.urlopen(lent).read()
        assert urllib.request.urlopen(f"{lent}a-1.0-py3-none-any.whl").read() == b"A"
        assert variables[NETWORK] == "host"
    with pip_secrets(near=False) as variables:
        assert read_conf(variables)["find-links"] == "https://example.com/wheels"
        assert NETWORK not in variables


def test_an_index_beside_its_files_is_lent_and_nothing_else(tmp_path):
    (tmp_path / "pypi" / "simple" / "a").mkdir(parents=True)
    (tmp_path / "pypi" / "files").mkdir()
    (tmp_path / "pypi" / "simple" / "a" / "index.html").write_text('<a href="../../files/a.whl">a</a>')
    for path in ("pypi/files/a.whl", "pypi/files/secret.env", "other.whl"):
        (tmp_path / path).write_text("content")
    (tmp_path / "pypi" / "simple" / "out.whl").symlink_to(tmp_path / "other.whl")
    with lend(tmp_path / "pypi" / "simple") as url:
        up = url.removesuffix("simple/")
        assert b"../../files/a.whl" in urllib.request.urlopen(f"{url}a/").read()
        assert urllib.request.urlopen(f"{up}files/a.whl").read() == b"content"
        guessed = url.split("/")
        guessed[3] = "guessed"
        for refused in (
            f"{up}files/secret.env",
            f"{up}files/",
            f"{up}../other.whl",
            f"{url}out.whl",
            "/".join(guessed),
        ):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(refused)


def test_a_proxy_of_this_machine_alone_is_reached_by_its_network(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.example.com:3128")
    with pip_secrets(near=True) as variables:
        assert variables["HTTPS_PROXY"] == "http://proxy.example.com:3128"
        assert NETWORK not in variables
    monkeypatch.setenv("https_proxy", "http://me:word@127.0.0.1:3128")
    with pip_secrets(near=True) as variables:
        assert variables[NETWORK] == "host"


def test_an_environment_without_pip_hands_on_its_variables(monkeypatch):
    monkeypatch.setattr(pip_settings, "_listed", lambda: "")
    monkeypatch.setenv("PIP_INDEX_URL", "https://pypi.example.com/simple")
    with pip_secrets(near=True) as variables:
        assert read_conf(variables) == {"index-url": "https://pypi.example.com/simple"}


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (
            "ERROR: failed to solve: python:9: failed to resolve source metadata for docker.io/library/python:9",
            "no-base-image", "its base image python:3.11-slim is not to be had",
        ),
        ("#9 1.2 ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk-full",
         "the disk is full"),
        ("#9 1.2 ERROR: No matching distribution found for nothing-at-all", "build-failed",
         "No matching distribution found for nothing-at-all"),
        ("#9 1.2 NameResolutionError(...): Temporary failure in name resolution')': /simple/click/", "no-network",
         "the build reaches no package index"),
        ("#9 1.2 ERROR: Failed to build installable wheels for some pyproject.toml based projects (thing)",
         "build-failed", "Failed to build installable wheels"),
    ],
)  # fmt: skip
def test_a_failed_build_is_told_in_one_line(line, code, said):
    after = ["#9 1.3 ", '#9 ERROR: process "/bin/sh -c pip" did not complete successfully: exit code: 1', "------"]
    error = build_failed(IMAGE, ["#9 [packages 3/3] RUN pip", line, *after])
    assert error.code == code
    assert said in error.what
    assert "\n" not in error.what
    assert error.details


@pytest.fixture
def programs(monkeypatch, tmp_path) -> Path:
    """A folder that is the whole PATH; no package brings a Compose."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(compose_cli, "find_spec", lambda name: None)
    compose_cli.find_compose.cache_clear()
    yield tmp_path
    compose_cli.find_compose.cache_clear()


def _program(path: Path, version: str) -> None:
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)


def test_compose_is_found_as_plugin_or_as_program(programs):
    _program(programs / "docker-compose", "2.30.1")
    assert compose_cli.find_compose() == (str(programs / "docker-compose"),)
    compose_cli.find_compose.cache_clear()
    _program(programs / "docker", "v2.40.3")
    assert compose_cli.find_compose() == ("docker", "compose")


@pytest.mark.parametrize(("version", "said"), [(None, "there is no Docker Compose"), ("1.29.2", "1.29.2 is too old")])
def test_no_compose_and_an_old_one_are_told(programs, version, said):
    if version:
        _program(programs / "docker-compose", version)
    with pytest.raises(ModelyardError, match=said) as told:
        compose_cli.find_compose()
    assert (told.value.code, "modelyard[docker]" in (told.value.fix or "")) == ("no-compose", True)


def test_two_builds_take_turns(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    said, order, never = [], [], threading.Event()

    def second() -> None:
        with take_turn(lambda event: said.append(event["text"]), never):
            order.append("second")

    with take_turn(said.append, never):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.8)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert said[0] == "waiting for another build to end"


def test_who_waits_for_a_turn_can_be_cancelled(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cancel = threading.Event()
    with take_turn(print, threading.Event()):
        cancel.set()
        with take_turn(print, cancel):
            assert cancel.is_set()
    with take_turn(print, threading.Event()):  # the one that never had its turn has not given away another's
        pass
