"""A section as plain data, whether pydantic's model holds it or a record of `compiled`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

_SCALARS = frozenset((str, int, float, bool, type(None)))


class Plain:
    """A section of the spec. Its fields are typed already, so that a dump has nothing left to turn or to check."""

    __slots__ = ()
    __pydantic_extra__: Any

    @classmethod
    def renamed(cls) -> Mapping[str, str]:
        """The fields that are written under another key than their name: `from_` is `from`."""
        raise NotImplementedError

    if TYPE_CHECKING:
        model_dump: Any

    def plain(self, *leave_out: str) -> dict[str, Any]:
        """The section as plain JSON data, long forms, without unset values, `x-` keys and the keys to leave out."""
        renamed = self.renamed()
        left_out = frozenset(leave_out)
        data = {}
        for name, value in self.__dict__.items():
            if value is not None and name not in left_out:
                data[renamed.get(name, name)] = value if type(value) in _SCALARS else _plain(value)
        return data


class NamedByKey(Plain):
    """A table with one key, which names it: `target`."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return next(iter(self.plain()))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: part if type(part) in _SCALARS else _plain(part) for key, part in value.items()} if value else {}
    if isinstance(value, (list, tuple)):
        if _SCALARS.issuperset(map(type, value)):
            return list(value)
        return [part if type(part) in _SCALARS else _plain(part) for part in value]
    return value.plain() if isinstance(value, Plain) else value
