"""A section as plain data, whether pydantic's model holds it or a record of `compiled`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any


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
        return {
            renamed.get(name, name): value if type(value) is str else _plain(value)
            for name, value in self.__dict__.items()
            if value is not None and name not in leave_out
        }


class NamedByKey(Plain):
    """A table with one key, which names it: `target`."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return next(iter(self.plain()))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: part if type(part) is str else _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [part if type(part) is str else _plain(part) for part in value]
    return value.plain() if isinstance(value, Plain) else value
