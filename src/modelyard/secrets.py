"""Secrets: references in the spec, values only in the process that needs them.

`${secret.X}` is the environment variable `X` of that process, unless the spec's `secrets:` names a file.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError

_REFERENCE = re.compile(r"\$\{secret\.([A-Za-z_][A-Za-z0-9_-]*)\}")
_SHORTEST = 4
MASK = "***"


def resolve(text: str, settings: Mapping[str, Any] | None = None) -> str:
    """Put the values in place of the references. `settings` is the graph's; its `secrets` say where values live."""
    sources = (settings or {}).get("secrets") or {}
    return _REFERENCE.sub(lambda match: value(match[1], sources), text)


def value(name: str, sources: Mapping[str, Any]) -> str:
    """The value of one secret. Raises ModelyardError, which names the secret and never shows a value."""
    source = sources.get(name) or {}
    if "file" in source:
        try:
            return Path(source["file"]).expanduser().read_text().rstrip("\n")
        except OSError as error:
            raise ModelyardError(
                f"secret `{name}` cannot be read from {source['file']}: {error.strerror}",
                fix="check `secrets:` in the spec, and that the file is there and readable",
                code="secret-missing",
            ) from error
    variable = source.get("env", name)
    if variable not in os.environ:
        raise ModelyardError(
            f"secret `{name}` is not set",
            fix=f"set the environment variable {variable}, or say under `secrets:` which file holds it",
            code="secret-missing",
        )
    return os.environ[variable]


def references(data: Any) -> set[str]:
    """Names of all the secrets that plain data refers to, however deep."""
    if isinstance(data, str):
        return set(_REFERENCE.findall(data))
    if isinstance(data, Mapping):
        return set().union(*(references(item) for item in data.values()), *(references(key) for key in data))
    if isinstance(data, Iterable):
        return set().union(*(references(item) for item in data))
    return set()


def known_values(data: Any, settings: Mapping[str, Any] | None = None) -> list[str]:
    """Values of the secrets that `data` refers to, as far as they can be had: what a log must not show."""
    sources = (settings or {}).get("secrets") or {}
    found = []
    for name in sorted(references(data)):
        try:
            found.append(value(name, sources))
        except ModelyardError:
            continue  # whoever needs it will say so
    return found


class Redactor:
    """Masks values in bytes. Values under four characters are left alone: they would mask half of any log."""

    def __init__(self, values: Iterable[str]) -> None:
        forms: set[bytes] = set()
        for text in values:
            for part in {text, *text.splitlines()}:
                if len(part) >= _SHORTEST:
                    forms |= {part.encode(), json.dumps(part)[1:-1].encode()}
        self._forms = sorted(forms, key=len, reverse=True)
        self.longest = max((len(form) for form in self._forms), default=0)

    def __call__(self, data: bytes) -> bytes:
        for form in self._forms:
            data = data.replace(form, MASK.encode())
        return data
