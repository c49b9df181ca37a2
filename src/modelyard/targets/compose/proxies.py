"""This machine's proxy settings for its services: a file of variables, since a proxy's address may hold a password."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from modelyard.files import write_whole
from modelyard.targets.compose.names import Scope
from modelyard.targets.compose.secret_files import secrets_folder

PROXIES = "proxies.json"
NAMES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "FTP_PROXY", "ALL_PROXY"})
_HERE = ("localhost", "127.0.0.1", "::1")


def proxy_variables(environ: Mapping[str, str], hosts: Iterable[str]) -> dict[str, str]:
    """Those of `environ`, in its spelling; `hosts` of the project are reached without a proxy. Empty without any."""
    found = {name: value for name, value in environ.items() if name.upper() in NAMES and value}
    if not any(name.upper() != "NO_PROXY" for name in found):
        return {}
    for name in ("NO_PROXY", "no_proxy"):
        given = found.get(name) or found.get(name.swapcase()) or ""
        found[name] = ",".join(dict.fromkeys(host for host in (*given.split(","), *_HERE, *sorted(hosts)) if host))
    return found


def in_memory(variables: Mapping[str, str]) -> dict[str, str]:
    """The file's name and content where a password is in it: that is kept as secrets are."""
    return {PROXIES: json.dumps(variables)} if _has_password(variables) else {}


def on_disk(scope: Scope, variables: Mapping[str, str]) -> None:
    """Keep what is no secret beside the rendered files, so that services find it when the machine has been off."""
    path = scope.folder / PROXIES
    if variables and not _has_password(variables):
        write_whole(path, json.dumps(variables), mode=0o644)
    else:
        path.unlink(missing_ok=True)


def proxies_file(scope: Scope) -> Path | None:
    """Where they are now, if this machine has some."""
    return next((path for path in (secrets_folder(scope) / PROXIES, scope.folder / PROXIES) if path.exists()), None)


def _has_password(variables: Mapping[str, str]) -> bool:
    return any("@" in value for name, value in variables.items() if name.upper() != "NO_PROXY")
