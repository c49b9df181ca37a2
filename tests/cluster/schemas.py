"""How a kind's fields merge, and what is wrong with an object: from the OpenAPI schemas that Kubernetes publishes."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cluster.resources import Resource

VERSION = "v1.36.0"
Schema = Mapping[str, Any]
_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_OPEN: Schema = {"x-kubernetes-preserve-unknown-fields": True}
KEY_DEFAULTS = {"protocol": "TCP"}


@cache
def definitions() -> Mapping[str, Schema]:
    import kubernetes_validate

    folder = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"{VERSION}-local-strict"
    loaded: Mapping[str, Schema] = json.loads((folder / "_definitions.json").read_text())["$defs"]
    return loaded


@cache
def _by_kind() -> Mapping[tuple[str, str, str], Schema]:
    found = {}
    for schema in definitions().values():
        for one in schema.get("x-kubernetes-group-version-kind", ()):
            found[one["group"], one["version"], one["kind"]] = schema
    return found


def schema_of(resource: Resource) -> Schema:
    if resource.schema is None:
        return _by_kind().get((resource.group, resource.version, resource.kind), _OPEN)
    inner = dict(resource.schema.get("properties") or {})
    text = {"type": "string"}
    inner |= {"apiVersion": text, "kind": text, "metadata": {"$ref": f"#/$defs/{_META}"}}
    return {**resource.schema, "properties": inner}


def resolve(schema: Schema) -> Schema:
    while "$ref" in schema:
        schema = definitions()[schema["$ref"].rpartition("/")[2]]
    return schema


def child(schema: Schema, key: str) -> Schema:
    """Of a map's or a struct's field."""
    schema = resolve(schema)
    if (one := (schema.get("properties") or {}).get(key)) is not None:
        return resolve(one)
    extra = schema.get("additionalProperties")
    return resolve(extra) if isinstance(extra, Mapping) else _OPEN


def items(schema: Schema) -> Schema:
    return resolve(resolve(schema).get("items") or _OPEN)


def map_keys(schema: Schema) -> tuple[str, ...] | None:
    """The keys by which a list's items are told apart, or None where the list is no map."""
    schema = resolve(schema)
    return tuple(schema["x-kubernetes-list-map-keys"]) if schema.get("x-kubernetes-list-type") == "map" else None


def is_set(schema: Schema) -> bool:
    return bool(resolve(schema).get("x-kubernetes-list-type") == "set")


def is_granular(schema: Schema) -> bool:
    """Whether a map's keys are owned one by one."""
    return bool(resolve(schema).get("x-kubernetes-map-type", "granular") == "granular")


def problems(schema: Schema, value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Field and message of everything that the schema does not allow; an unknown field's message says so."""
    schema = resolve(schema)
    if value is None or schema.get("x-kubernetes-int-or-string") or "oneOf" in schema or "anyOf" in schema:
        return
    types = schema.get("type") or ()
    types = (types,) if isinstance(types, str) else types
    if types and not any(_is(value, one) for one in types):
        yield path, f"Invalid value: {json.dumps(value)}: must be of type {types[0]}"
        return
    if isinstance(value, Mapping):
        yield from _in_map(schema, value, path)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from problems(items(schema), item, f"{path}[{number}]")
        yield from _duplicates(schema, value, path)
    elif "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join(json.dumps(one) for one in schema["enum"] if one is not None)
        yield path, f"Unsupported value: {json.dumps(value)}: supported values: {allowed}"


def _in_map(schema: Schema, value: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    known = schema.get("properties")
    is_open = known is None or schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("additionalProperties")
    for key, one in value.items():
        place = f"{path}.{key}" if path else key
        if known and key in known:
            yield from problems(known[key], one, place)
        elif not is_open:
            yield place, f'unknown field "{place}"'
        elif isinstance(extra := schema.get("additionalProperties"), Mapping):
            yield from problems(extra, one, place)
    for key in schema.get("required") or ():
        if value.get(key) is None:
            yield f"{path}.{key}" if path else key, "Required value"


def _duplicates(schema: Schema, value: list[Any], path: str) -> Iterator[tuple[str, str]]:
    keys = map_keys(schema)
    if keys is None:
        return
    seen = set()
    for number, item in enumerate(value):
        if isinstance(item, Mapping):
            mark = json.dumps([item.get(key, KEY_DEFAULTS.get(key)) for key in keys])
            if mark in seen:
                yield f"{path}[{number}]", f"Duplicate value: {mark}"
            seen.add(mark)


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return {
        "object": isinstance(value, Mapping), "array": isinstance(value, list), "string": isinstance(value, str),
        "integer": isinstance(value, int), "number": isinstance(value, int | float), "null": value is None,
    }.get(kind, False)  # fmt: skip
