"""What pydantic made of the models at an earlier run, taken again without pydantic, whose import takes longer.

pydantic's work is a core schema, plain data that its core (compiled code, here in milliseconds) validates by. The
schema is kept in the user's cache, one file for each state of the models' sources, pydantic and Python; where it is
missing or does not fit, and for everything a spec has wrong, pydantic itself is asked. So only specs that are right
are typed here, by the very same rules; the sections are then records that look like the models.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from json import dumps, loads
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from modelyard.spec import kept
from modelyard.spec.plain import NamedByKey, Plain

if TYPE_CHECKING:
    from modelyard.spec.model import Spec
    from modelyard.spec.tree import Map

_HERE = Path(__file__).parent
_RULES = ("modelyard.spec.forms", "modelyard.spec.values")
_CORE = "pydantic_core._pydantic_core"
_root: "type[Record] | None" = None


def typed(tree: "Map") -> "Spec | None":
    """The typed spec; None where it is wrong, or where pydantic has to be asked first."""
    if "pydantic" in sys.modules:
        return None  # it is here already: take the models themselves
    global _root  # noqa: PLW0603 - read once a process
    try:
        _root = _root or _read(_core())
        return cast("Spec", _root.__validator__().validate_python(tree)) if _root else None
    except Exception:  # noqa: BLE001 - whatever it is, pydantic says it better
        return None


def keep(model: "type[Spec]") -> None:
    """Keep the core schema of the models for the next run, where there is a place for it."""
    with suppress(OSError, ImportError, RuntimeError, _NotPlainError):
        path = _file(_core())
        if path.exists():
            return
        model.model_rebuild()
        kept.keep(
            path, dumps(_encoded(model.__pydantic_core_schema__), separators=(",", ":"), allow_nan=False).encode()
        )


def _core() -> Any:
    """pydantic's core without the Python around it. A later import of pydantic finds it in its place."""
    found = sys.modules.get(_CORE)
    if found:
        return found
    package = PathFinder.find_spec("pydantic_core")
    spec = package and PathFinder.find_spec(_CORE, package.submodule_search_locations)
    if spec is None or spec.loader is None:
        raise ImportError(_CORE)
    module = module_from_spec(spec)
    sys.modules[_CORE] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[_CORE]
        raise
    return module


def _file(core: Any) -> Path:
    pydantic = PathFinder.find_spec("pydantic")
    version = Path(str(pydantic.origin if pydantic else "")).with_name("version.py")
    sources = [*_HERE.glob("model/*.py"), *(_HERE / f"{name}.py" for name in ("forms", "values", "compiled")), version]
    return kept.entry("spec", sources, core.__version__)


class _NotPlainError(Exception):
    """Something in the schema that cannot be named in a file."""


def _encoded(value: Any) -> Any:  # noqa: PLR0911 - one a kind
    """As JSON; what is no plain data is `{"$": kind, …}`. `metadata` is for JSON Schemas only."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, list):
        return [_encoded(item) for item in value]
    if isinstance(value, tuple):
        return {"$": "tuple", "of": [_encoded(item) for item in value]}
    if isinstance(value, dict):
        is_schema = isinstance(value.get("type"), str)
        if not all(isinstance(key, str) and key != "$" for key in value):
            raise _NotPlainError(value)
        return {key: _encoded(item) for key, item in value.items() if not (is_schema and key == "metadata")}
    if value in (dict, list, tuple):
        return {"$": "type", "name": value.__name__}
    if isinstance(value, type) and issubclass(value, Plain):
        return {"$": "model", "name": value.__name__}
    if isinstance(value, partial) and not value.keywords:
        return {"$": "partial", "of": _encoded(value.func), "with": [_encoded(item) for item in value.args]}
    if getattr(value, "__module__", "") in _RULES and value.__qualname__.isidentifier():
        return {"$": "rule", "module": value.__module__, "name": value.__qualname__}
    raise _NotPlainError(value)


def _read(core: Any) -> "type[Record] | None":
    content = kept.look_up(_file(core))
    return _decoded(content, core) if content is not None else None


def _decoded(text: bytes, core: Any) -> "type[Record]":
    models: dict[str, type[Record]] = {}

    def decoded(data: dict[str, Any]) -> Any:
        kind = data.get("$")
        if kind is None:
            if data.get("type") == "model":
                data["cls"].__schema__ = data
            return data
        if kind == "model":
            name = data["name"]
            if name not in models:
                bases = (Record, NamedByKey) if name == "TargetSettings" else (Record,)
                models[name] = type(name, bases, {"__slots__": ()})
            return models[name]
        if kind == "rule":
            return getattr(import_module(data["module"]), data["name"])
        if kind == "tuple":
            return tuple(data["of"])
        if kind == "partial":
            return partial(data["of"], *data["with"])
        return {"dict": dict, "list": list, "tuple": tuple}[data["name"]]

    whole = loads(text, object_hook=decoded)
    Record.__core__ = core
    Record.__definitions__ = whole.get("definitions", [])
    for model in models.values():
        fields = _fields(model.__schema__["schema"])
        model.model_fields = tuple(fields)
        model.__renamed__ = {name: key for name, field in fields.items() if (key := field.get("serialization_alias"))}
    root = models["Spec"]
    root.__schema__ = whole
    return root


def _fields(schema: Any) -> dict[str, Any]:
    """The fields of a model: its innermost schema, validators around it left out."""
    while schema["type"] != "model-fields":
        schema = schema["schema"]
    fields: dict[str, Any] = schema["fields"]
    return fields


class Record(Plain):
    """Stands for a model: the same attributes, the same dump. `__schema__` is its part of the core schema."""

    __slots__ = ("__dict__", "__pydantic_extra__", "__pydantic_fields_set__", "__pydantic_private__")
    __core__: Any
    __definitions__: list[Any]
    __schema__: Any
    __renamed__: dict[str, str]
    __made_validator__: Any
    __made_serializer__: Any
    model_fields: tuple[str, ...]

    def __init__(self, **given: Any) -> None:
        self.__validator__().validate_python(given, self_instance=self)

    @classmethod
    def __whole__(cls) -> Any:
        if cls.__schema__["type"] == "definitions" or not cls.__definitions__:
            return cls.__schema__
        return {"type": "definitions", "schema": cls.__schema__, "definitions": cls.__definitions__}

    @classmethod
    def __validator__(cls) -> Any:
        if "__made_validator__" not in cls.__dict__:
            cls.__made_validator__ = cls.__core__.SchemaValidator(cls.__whole__())
        return cls.__made_validator__

    @classmethod
    def __serializer__(cls) -> Any:
        if "__made_serializer__" not in cls.__dict__:
            cls.__made_serializer__ = cls.__core__.SchemaSerializer(cls.__whole__())
        return cls.__made_serializer__

    @classmethod
    def renamed(cls) -> dict[str, str]:
        return cls.__renamed__

    def model_dump(self, *, mode: str = "python", **options: Any) -> dict[str, Any]:
        data: dict[str, Any] = self.__serializer__().to_python(self, mode=mode, **options)
        return data

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        yield from self.__dict__.items()
        yield from (self.__pydantic_extra__ or {}).items()

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record) or type(self) is not type(other):
            return NotImplemented
        mine, theirs = self.__pydantic_extra__, other.__pydantic_extra__
        return self.__dict__ == other.__dict__ and mine == theirs

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"
