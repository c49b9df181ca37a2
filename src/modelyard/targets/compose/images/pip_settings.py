"""This machine's pip settings for a build: index, proxy and certificates, handed on as secrets of the build."""

import ast
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONF, CERTIFICATES = "MODELYARD_PIP_CONF", "MODELYARD_PIP_CA"
"""Variables of `compose.yaml`: the files that the secrets `pip_conf` and `pip_ca` are read from."""
_HANDED_ON = ("index-url", "extra-index-url", "find-links", "trusted-host", "proxy", "timeout", "retries")
_INSIDE = "/build/ca.pem"


@contextmanager
def pip_secrets() -> Iterator[dict[str, str]]:
    """The two variables; what they name is readable by us alone, and gone afterwards."""
    settings = pip_settings()
    certificates = settings.pop("cert", "") or os.environ.get("REQUESTS_CA_BUNDLE", "")
    if certificates and Path(certificates).is_file():
        settings["cert"] = _INSIDE
    else:
        certificates = ""
    with tempfile.TemporaryDirectory(prefix="modelyard-pip-") as folder:
        conf = Path(folder) / "pip.conf"
        conf.touch(0o600)
        conf.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in sorted(settings.items())))
        yield {CONF: str(conf), CERTIFICATES: certificates or os.devnull}


def pip_settings() -> dict[str, str]:
    """By name, as pip itself reads them (files, then variables). What names a folder of this machine is left out."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, timeout=60, check=False
    )
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        key, _, quoted = line.partition("=")
        name = key.rpartition(".")[2]
        try:
            value = str(ast.literal_eval(quoted))
        except (ValueError, SyntaxError):
            continue
        if name == "cert":
            found[name] = value
        elif name in _HANDED_ON and (kept := " ".join(part for part in value.split() if _is_remote(name, part))):
            found[name] = kept
    return found


def _is_remote(name: str, part: str) -> bool:
    return name not in ("index-url", "extra-index-url", "find-links") or part.startswith(("http://", "https://"))
