"""This machine's pip settings for a build: index, proxy and certificates, handed on as secrets of the build."""

import ast
import netrc
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modelyard.targets.images.wheelhouse import lend

CONF, CERTIFICATES, NETRC = "MODELYARD_PIP_CONF", "MODELYARD_PIP_CA", "MODELYARD_PIP_NETRC"
"""Variables of `compose.yaml`: the files that the secrets `pip_conf`, `pip_ca` and `pip_netrc` are read from."""
NETWORK = "MODELYARD_BUILD_NETWORK"
"""`host` where what pip is told of listens on this machine alone."""
_INDEXES = ("index-url", "extra-index-url", "find-links")
_HANDED_ON = (
    *_INDEXES, "no-index", "trusted-host", "proxy", "timeout", "retries", "only-binary", "no-binary", "prefer-binary",
)  # fmt: skip
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_INSIDE = "/run/secrets/pip_ca"
_MEMORY = Path("/dev/shm")  # noqa: S108 - what is written there is gone with the power


@contextmanager
def pip_secrets(near: bool) -> Iterator[dict[str, str]]:
    """Variables for a build; the files that they name are readable by us alone, and gone afterwards.

    `near`: the engine runs on this machine, and so reaches folders of packages that this process lends to it.
    """
    settings = pip_settings()
    certificates = settings.pop("cert", "") or os.environ.get("REQUESTS_CA_BUNDLE", "")
    if Path(certificates).is_file():
        settings["cert"] = _INSIDE
    else:
        certificates = ""
    with ExitStack() as stack:
        for name in _INDEXES:
            places = [stack.enter_context(_reachable(place, near)) for place in settings.pop(name, "").split()]
            if kept := " ".join(place for place in places if place):
                settings[name] = kept
        folder = Path(stack.enter_context(_private_folder()))
        conf = "[global]\n" + "".join(f"{name} = {value}\n" for name, value in sorted(settings.items()))
        yield {
            CONF: _write(folder / "pip.conf", conf),
            NETRC: _write(folder / "netrc", _logins(settings)),
            CERTIFICATES: certificates or os.devnull,
            **({NETWORK: "host"} if near and _is_ours_alone(settings) else {}),
            **_proxies(),
        }


def pip_settings() -> dict[str, str]:
    """By name, as pip itself reads them: files, their section of `install`, then variables."""
    layers: dict[str, dict[str, str]] = {"global": {}, "install": {}}
    for line in _listed().splitlines():
        key, _, quoted = line.partition("=")
        section, _, name = key.rpartition(".")
        with suppress(ValueError, SyntaxError):
            layers.get(section, {})[name] = str(ast.literal_eval(quoted))
    layers[":env:"] = {
        name.removeprefix("PIP_").lower().replace("_", "-"): value
        for name, value in os.environ.items()
        if name.startswith("PIP_") and value
    }
    found = {name.removeprefix("default-"): value for layer in layers.values() for name, value in layer.items()}
    return {name: " ".join(value.split()) for name, value in found.items() if name in (*_HANDED_ON, "cert")}


def _listed() -> str:
    """What pip's files say. An environment need not have a pip: then nothing is known of them."""
    argv = [sys.executable, "-m", "pip", "config", "list"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout


@contextmanager
def _reachable(place: str, near: bool) -> Iterator[str]:
    """The place as a build sees it: a folder of this machine is lent for as long as the build runs, or left out."""
    if re.match(r"https?://", place):
        yield place
        return
    folder = Path(unquote(urlsplit(place).path)) if place.startswith("file:") else Path(place).expanduser()
    if not (near and folder.is_dir()):
        yield ""
        return
    with lend(folder) as url:
        yield url


def _private_folder() -> "tempfile.TemporaryDirectory[str]":
    there = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="modelyard-pip-", dir=there)


def _write(path: Path, text: str) -> str:
    path.touch(0o600)
    path.write_text(text)
    return str(path)


def _logins(settings: Mapping[str, str]) -> str:
    """Of `~/.netrc`, what the indexes need: a build has no business with the rest."""
    hosts = {urlsplit(place).hostname or "" for name in _INDEXES for place in settings.get(name, "").split()}
    try:
        known = netrc.netrc(os.environ.get("NETRC")).hosts
    except (OSError, netrc.NetrcParseError):
        return ""
    lines = [f"machine {host} login {known[host][0]} password {known[host][2]}\n" for host in sorted(hosts & {*known})]
    return "".join(lines)


def _proxies() -> dict[str, str]:
    """Under their names in capitals: `compose.yaml` hands those on to a build, which keeps them in no layer."""
    found = {name: os.environ.get(name) or os.environ.get(name.lower(), "") for name in _PROXIES}
    return {name: value for name, value in found.items() if value}


def _is_ours_alone(settings: Mapping[str, str]) -> bool:
    places = [place for name in (*_INDEXES, "proxy") for place in settings.get(name, "").split()]
    return any(re.search(r"//([^/@]*@)?(127\.|localhost|\[::1\])", place) for place in (*places, *_proxies().values()))
