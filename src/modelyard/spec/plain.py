"""A section as plain data, whether pydantic's model holds it or a record of `compiled`."""

from typing import TYPE_CHECKING, Any


class Plain:
    """A section of the spec."""

    __slots__ = ()
    __pydantic_extra__: Any

    @classmethod
    def written(cls, name: str) -> str:
        """The key of a field, as it is written."""
        raise NotImplementedError

    if TYPE_CHECKING:
        model_dump: Any

    def plain(self, *leave_out: str) -> dict[str, Any]:
        """The section as plain JSON data, long forms, without unset values, `x-` keys and the keys to leave out."""
        left_out = set(leave_out) or None
        data: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=left_out)
        _drop_own_keys(self, data)
        return data


class NamedByKey(Plain):
    """A table with one key, which names it: `target`."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return next(iter(self.plain()))


def _drop_own_keys(section: Plain, data: dict[str, Any]) -> None:
    for key in section.__pydantic_extra__ or ():
        data.pop(key, None)
    for name, value in section.__dict__.items():
        if value and isinstance(value, (Plain, dict, tuple)):
            _drop_within(value, data.get(section.written(name)))


def _drop_within(value: Any, data: Any) -> None:
    if data is None:
        return
    if isinstance(value, Plain):
        _drop_own_keys(value, data)
    elif isinstance(value, dict):
        for key, part in value.items():
            if isinstance(part, Plain):
                _drop_own_keys(part, data[key])
    else:
        for part, plain in zip(value, data, strict=False):
            if isinstance(part, Plain):
                _drop_own_keys(part, plain)
