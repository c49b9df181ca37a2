"""Objects of operators against those projects' own CRDs, as an API server that refuses unknown fields would check them.

The CRDs are no part of the project: where `../shared/crds` is not beside the clone, such a test is skipped and says so.
"""

import json
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "crds"


def problems(obj: dict[str, Any]) -> list[str]:
    """What the CRD of an object's kind has against it: a line a place, none where it is valid."""
    group, _, version = obj["apiVersion"].partition("/")
    validator = _validator(group, obj["kind"], version)
    # As the API server sees it: JSON, and metadata checked apart from the CRD.
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(json.loads(json.dumps(obj)))]


@cache
def _validator(group: str, kind: str, version: str) -> Draft202012Validator:
    schemas = _schemas(group, kind)
    assert version in schemas, f"{kind} of {group} has {', '.join(schemas)}, not {version}"
    schema = _closed(schemas[version], top=True)
    return Draft202012Validator(schema)


def _schemas(group: str, kind: str) -> dict[str, Any]:
    """By version. Kept as JSON: a CRD that has a pod in it takes seconds to read as YAML."""
    path = FOLDER / f"{group}_{kind.lower()}s.yaml"
    if not path.is_file():
        pytest.skip(f"no {path.name} in {FOLDER}: the CRDs are not beside this clone")
    stamp = path.stat()
    kept = Path(tempfile.gettempdir()) / f"crd-{os.getuid()}-{path.stem}-{stamp.st_size}-{stamp.st_mtime_ns}.json"
    if kept.is_file():
        return json.loads(kept.read_text())
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    crd = yaml.load(path.read_text(), Loader=loader)
    found = {
        one["name"]: one["schema"]["openAPIV3Schema"] for one in crd["spec"]["versions"] if one.get("served", True)
    }
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(found))
    part.replace(kept)
    return found


def _closed(schema: dict[str, Any], top: bool = False) -> dict[str, Any]:
    """The JSON Schema of an OpenAPI one: fields that it does not name are refused, where it does not keep them."""
    made = {key: value for key, value in schema.items() if key in _PLAIN}
    if schema.get("nullable") and "type" in made:
        made["type"] = [made["type"], "null"]
    for key in ("allOf", "anyOf", "oneOf"):
        if key in schema:
            made[key] = [{name: one[name] for name in one if name in _PLAIN} for one in schema[key]]
    if "items" in schema:
        made["items"] = _closed(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        made["additionalProperties"] = _closed(schema["additionalProperties"])
    if "properties" in schema:
        made["properties"] = {name: _closed(one) for name, one in schema["properties"].items()}
        if top or schema.get("x-kubernetes-embedded-resource"):
            made["properties"] |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {}}
        if not schema.get("x-kubernetes-preserve-unknown-fields") and "additionalProperties" not in schema:
            made["additionalProperties"] = False
    return made


_PLAIN = (
    "type", "enum", "required", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
    "uniqueItems", "multipleOf", "exclusiveMinimum", "exclusiveMaximum", "minProperties", "maxProperties",
)  # fmt: skip


def definition(group: str, kind: str) -> dict[str, Any]:
    """A CRD for the tests' own API server: one version of it, which it keeps."""
    version, schema = list(_schemas(group, kind).items())[-1 if kind != "SeldonDeployment" else 0]
    plural = f"{kind.lower()}s"
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind, "singular": kind.lower()},
            "versions": [{**served, "subresources": {"status": {}}}],
        },
    }  # fmt: skip
