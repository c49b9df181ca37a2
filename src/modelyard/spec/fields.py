"""What the typed models say about a place: which keys stand there, and what they are for."""

import types
import typing
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from modelyard.spec.tree import Path


def keys_at(root: type[BaseModel], path: Path) -> list[str]:
    model = model_at(root, path)
    if model is None:
        return []
    return sorted(field.alias or name for name, field in model.model_fields.items())


def description(path: Path, root: type[BaseModel]) -> str:
    """What the field at `path` is for; of the list, where the path is one of its items."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    model = model_at(root, path[:-1])
    for name, field in (model.model_fields if model else {}).items():
        if path[-1] in (name, field.alias):
            return (field.description or "").rstrip(".")
    return ""


def model_at(root: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model whose keys stand at `path`, found by the types of the fields on the way."""
    current: Any = root
    for step in path:
        options = list(_unwrapped(current))
        models = [option for option in options if isinstance(option, type) and issubclass(option, BaseModel)]
        below: Any = None
        for model in models:
            for name, field in model.model_fields.items():
                if step in (name, field.alias):
                    below = field.annotation
        if below is None:
            below = next((part for option in options if (part := _part_of(option)) is not None), None)
        current = below
    models = [o for o in _unwrapped(current) if isinstance(o, type) and issubclass(o, BaseModel)]
    return models[0] if models else None


def _unwrapped(annotation: Any) -> Iterable[Any]:
    """The plain types of an annotation: `Annotated` taken off, the members of a union one by one."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _unwrapped(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            yield from _unwrapped(member)
    elif annotation is not None:
        yield annotation


def _part_of(annotation: Any) -> Any:
    """What a map, list or tuple is made of."""
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) not in (dict, list, tuple) or not arguments:
        return None
    return arguments[0] if arguments[-1] is ... else arguments[-1]
