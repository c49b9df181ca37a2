"""PyYAML, imported in half the time: the patterns of its own parser, whose place libyaml takes, compile when used.

One of them, a class of all printable characters, takes 10 ms to compile, at every start of a command.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_compile = re.compile


class _Later:
    """A pattern that is compiled when something of it is first used."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments

    def __getattr__(self, name: str) -> Any:
        return getattr(_compile(*self._arguments), name)


@contextmanager
def _patterns_later() -> Iterator[None]:
    re.compile = _Later  # type: ignore[assignment]
    try:
        yield
    finally:
        re.compile = _compile


with _patterns_later():
    import yaml

try:
    from yaml._yaml import CParser  # type: ignore[import-not-found, unused-ignore]
except ImportError as error:  # pragma: no cover - every wheel of PyYAML has it
    raise ImportError("modelyard needs PyYAML with libyaml; reinstall it from a wheel") from error

__all__ = ["CParser", "yaml"]
