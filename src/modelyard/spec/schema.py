"""`schemas/mlops.v1.json`: the language as JSON Schema, for completion, hover text and checks in editors.

Made of the models, then widened by what stands in a file and not in the models: `${…}` in place of any value, and
overlays (environments, specs that extend others), in which nothing is required and null removes.
"""

from typing import Any

from modelyard.spec.catalog.engines import engine_names
from modelyard.spec.catalog.evidently_names import CHECKS
from modelyard.spec.catalog.expectations import IMAGE_EXPECTATIONS
from modelyard.spec.catalog.gx_names import EXPECTATIONS
from modelyard.spec.model import Spec
from modelyard.spec.model.base import Section
from modelyard.spec.unsupported import ENGINES_TO_COME

Json = dict[str, Any]
_REFERENCE = {"$ref": "#/$defs/Reference"}
_OVERLAY = "Overlay"
_KEPT = ("description", "markdownDescription", "default", "examples", "deprecated")


def spec_schema() -> Json:
    """JSON Schema 2020-12 of `mlops.yaml`."""
    made = Spec.model_json_schema(by_alias=True, mode="validation")
    definitions: Json = made.pop("$defs")
    definitions["Spec"] = {key: value for key, value in made.items() if key != "$defs"}
    definitions.pop("CheckSettings", None)
    _add_defaults(definitions)
    _add_names(definitions)
    definitions = {name: _referable(_polished(schema)) for name, schema in definitions.items()}
    overlays = {f"{name}{_OVERLAY}": _overlaid(schema) for name, schema in definitions.items()}
    environments = {
        "type": "object",
        "additionalProperties": {"anyOf": [{"$ref": f"#/$defs/Spec{_OVERLAY}"}, {"type": "null"}]},
    }
    for spec in (definitions["Spec"], overlays[f"Spec{_OVERLAY}"]):
        written = spec["properties"]["environments"]
        spec["properties"]["environments"] = {**{key: written[key] for key in _KEPT if key in written}, **environments}
    definitions["Reference"] = {"type": "string", "pattern": r"\$\{[^{}]+\}"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://modelyard.dev/schemas/mlops.v1.json",
        "title": "mlops.yaml, version 1",
        "description": definitions["Spec"].get("description", ""),
        "type": "object",
        "if": {"required": ["extends"]},
        "then": {"$ref": f"#/$defs/Spec{_OVERLAY}", "required": ["version"]},
        "else": {"$ref": "#/$defs/Spec"},
        "$defs": dict(sorted(_used({**definitions, **overlays}).items())),
    }


def _models() -> dict[str, type[Section]]:
    found: dict[str, type[Section]] = {}
    todo: list[type[Section]] = [Section]
    while todo:
        for model in todo.pop().__subclasses__():
            found[model.__name__] = model
            todo.append(model)
    return found


def _add_defaults(definitions: Json) -> None:
    """Defaults that are made by a function, which pydantic leaves out."""
    for name, model in _models().items():
        properties = definitions.get(name, {}).get("properties", {})
        for field_name, field in model.model_fields.items():
            key = field.alias or field_name
            if key in properties and field.default_factory is not None:
                default = field.get_default(call_default_factory=True, validated_data={})
                properties[key]["default"] = default.plain() if isinstance(default, Section) else default


def _add_names(definitions: Json) -> None:
    """Names that are open in the models and known to the checks: expectations, monitoring checks, engines."""
    definitions["ExpectationCheck"] = _named({**IMAGE_EXPECTATIONS, **EXPECTATIONS})
    definitions["Expectation"]["properties"]["expect"]["items"] = {"$ref": "#/$defs/ExpectationCheck"}
    definitions["MonitoringCheck"] = _named(CHECKS)
    definitions["Monitor"]["properties"]["checks"]["items"] = {"$ref": "#/$defs/MonitoringCheck"}
    engine = definitions["Training"]["properties"]["engine"]
    engine["enum"] = [*engine_names(), *ENGINES_TO_COME]


def _named(known: dict[str, tuple[str, str]]) -> Json:
    properties = {name: _arguments(*arguments) for name, arguments in sorted(known.items())}
    without = [name for name, (required, _) in sorted(known.items()) if not required]
    table = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"anyOf": [{"enum": without}, table]}


def _arguments(required: str, optional: str) -> Json:
    needed = required.split()
    names: Json = {name: {} for name in [*needed, *optional.split()]}
    table: Json = {
        "type": ["object"] if needed else ["object", "null"],
        "properties": names,
        "additionalProperties": False,
    }
    return {**table, "required": needed} if needed else table


def _polished(schema: Any) -> Any:
    """Without pydantic's titles; with Markdown for hover text."""
    if isinstance(schema, list):
        return [_polished(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    polished: Json = {}
    for key, value in schema.items():
        if key in ("properties", "patternProperties"):
            polished[key] = {name: _property(one) for name, one in value.items()}
        elif key in ("default", "examples", "enum", "required", "const"):
            polished[key] = value
        elif key != "title":
            polished[key] = _polished(value)
    if "patternProperties" in polished:
        polished.setdefault("additionalProperties", False)
    return polished


def _property(schema: Json) -> Json:
    polished: Json = _polished(schema)
    text = polished.get("description")
    if text:
        lines = [text]
        if polished.get("default") not in (None, {}, [], ""):
            lines.append(f"Default: `{_short(polished['default'])}`")
        if polished.get("examples"):
            lines.append("Example: " + ", ".join(f"`{_short(one)}`" for one in polished["examples"]))
        polished["markdownDescription"] = "\n\n".join(lines)
    return polished


def _short(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _referable(schema: Any, *, whole: bool = True) -> Any:
    """Any value may be a `${…}`: wherever more than any text is asked for, a reference will do as well."""
    if isinstance(schema, list):
        return [_referable(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    walked = {key: _within(key, value) for key, value in schema.items()}
    if not whole or not _is_strict(walked):
        return walked
    kept = {key: walked.pop(key) for key in _KEPT if key in walked}
    return {**kept, "anyOf": [walked, _REFERENCE]}


def _within(key: str, value: Any) -> Any:
    if key in ("properties", "patternProperties"):
        return {name: _referable(one) for name, one in value.items()}
    if key in ("items", "additionalProperties", "anyOf"):
        return _referable(value)
    return value


def _is_strict(schema: Json) -> bool:
    if "enum" in schema or "const" in schema:
        return True
    kinds = schema.get("type")
    if kinds == "string":
        return "pattern" in schema
    return kinds in ("integer", "number", "boolean", "array") or (
        isinstance(kinds, list) and "string" not in kinds and "object" not in kinds
    )


def _overlaid(schema: Any) -> Any:
    """The same with nothing required, and null to take away. Lists replace, so what stands in them is whole."""
    if isinstance(schema, list):
        return [_overlaid(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema and schema != _REFERENCE:
        return {**schema, "$ref": f"{schema['$ref']}{_OVERLAY}"}
    overlaid: Json = {}
    for key, value in schema.items():
        if key in ("properties", "patternProperties"):
            overlaid[key] = {name: _removable(one) for name, one in value.items()}
        elif key == "additionalProperties" and isinstance(value, dict):
            overlaid[key] = _removable(value)
        elif key == "anyOf":
            overlaid[key] = _overlaid(value)
        elif key not in ("required", "minProperties"):
            overlaid[key] = value
    return overlaid


def _removable(schema: Json) -> Json:
    overlaid: Json = _overlaid(schema)
    kept = {key: overlaid.pop(key) for key in _KEPT if key in overlaid}
    return {**kept, "anyOf": [overlaid, {"type": "null"}]}


def _used(definitions: Json) -> Json:
    """Only what can be reached from a spec or an overlay."""
    used: Json = {}
    todo = ["Spec", f"Spec{_OVERLAY}", "Reference"]
    while todo:
        name = todo.pop()
        if name not in used:
            used[name] = definitions[name]
            todo += _named_in(definitions[name])
    return used


def _named_in(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for one in schema for name in _named_in(one)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].removeprefix("#/$defs/")] if isinstance(schema.get("$ref"), str) else []
    return own + [name for key, value in schema.items() if key not in _KEPT for name in _named_in(value)]
