"""Where each value of a node's config is written: `params.lr0` → `mlops.yaml:18`. Looked up when asked for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modelyard.errors import Place

_BESIDE = ("path", "resources", "retries", "timeout", "runtime")
"""Keys of a section that are no config, and may change all the same."""


class Marks(Mapping[str, str]):
    """Config paths to `file:line`, `""` standing for the node itself.

    A plan shows a handful of marks and a graph has as many as the spec has values, so none is made before it is read.
    `origins` maps prefixes of config paths to addresses of the spec, where a node's config is put together of several.
    """

    __slots__ = ("_config", "_found", "_origins", "_place")

    def __init__(
        self, place: Callable[[str], Place | None], config: Mapping[str, Any], origins: Mapping[str, str]
    ) -> None:
        self._place = place
        self._config = config
        self._origins = origins
        self._found: dict[str, str] | None = None

    def __getitem__(self, path: str) -> str:
        return self._all()[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return f"Marks({self._all()!r})"

    def _all(self) -> dict[str, str]:
        if self._found is None:
            looked = ((path, self._place(self.address_of(path))) for path in ("", *config_paths(self._config)))
            found = {path: f"{place.file}:{place.line}" for path, place in looked if place}
            for path in _BESIDE:
                place = self._place(self.address_of(path))
                if place and f"{place.file}:{place.line}" != found.get(""):
                    found[path] = f"{place.file}:{place.line}"
            self._found = found
        return self._found

    def address_of(self, path: str) -> str:
        """The address in the spec of a config path."""
        prefix = path
        while prefix and prefix not in self._origins:
            cut = max(prefix.rfind("."), prefix.rfind("["))
            prefix = prefix[:cut] if cut > 0 else ""
        origin, rest = self._origins[prefix], path[len(prefix) :].lstrip(".")
        return f"{origin}.{rest}" if rest and not rest.startswith("[") else origin + rest


def config_paths(config: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Every path of plain data, maps and lists themselves included: `params`, `params.lr0`, `gate[0]`."""
    for key, value in config.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        yield path
        if isinstance(value, Mapping):
            yield from config_paths(value, path)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield f"{path}[{index}]"
                if isinstance(item, Mapping):
                    yield from config_paths(item, f"{path}[{index}]")
