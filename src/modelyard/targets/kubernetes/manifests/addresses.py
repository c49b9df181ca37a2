"""What the graph says about the network: the ports of the addresses that its settings and its nodes name."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://([^/\s'\"?#]*)", re.IGNORECASE)
_PORT = re.compile(r":(\d{1,5})$")
_HTTPS = 443
_LOCAL = frozenset({"sqlite", "file", "kubernetes", "memory"})
_USUAL = {
    "http": 80, "ftp": 21, "sftp": 22, "ssh": 22, "postgresql": 5432, "postgres": 5432, "mysql": 3306, "redis": 6379,
    "rediss": 6379, "mongodb": 27017, "mailto": 587, "mailtos": 587, "json": 80, "mssql": 1433, "hdfs": 8020,
}  # fmt: skip


def ports_of(*data: Any) -> set[int]:
    """Ports of all URLs in plain data, however deep. One that a secret hides counts as HTTPS."""
    return {port for text in _texts(data) for port in _ports(text)}


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        yield from (text for part in data.values() for text in _texts(part))
    elif isinstance(data, Iterable):
        yield from (text for part in data for text in _texts(part))


def _ports(text: str) -> Iterator[int]:
    for match in _ADDRESS.finditer(text):
        scheme = match[1].lower().partition("+")[0]
        if scheme in _LOCAL:
            continue
        for host in match[2].rpartition("@")[2].split(","):  # PostgreSQL takes several
            port = _PORT.search(host)
            yield int(port[1]) if port else _USUAL.get(scheme, _HTTPS)
