"""Write what is generated of the documentation: `python tools/docs.py [--check]`.

Between `<!-- begin NAME -->` and `<!-- end NAME -->` of a page stands what the code says itself: the reference of the
language, the engines, the metrics, and what is not supported yet. All else on the pages is written by hand.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
Json = dict[str, Any]

_SHARED = ("Resources", "RetrySettings", "Runtime")
_BLOCK = re.compile(r"(<!-- begin (\S+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)
_NAMED_PATTERNS = (
    (r"(ms|s|m|h|d|w)", "duration"), (r"\s*%", "share"), ("(m|k|M|G", "quantity"), ("^(steps|sources", "address"),
    ("predictions$", "`N predictions`"), (r"(?:\.[A-Za-z_]\w*)*:", "`module:function`"),
)  # fmt: skip
_UNITS = {"duration", "share", "quantity"}
_NOT_SHOWN = ("KubernetesTarget",)


def page(text: str) -> str:
    """The text with each of its generated blocks written anew."""
    return _BLOCK.sub(lambda match: f"{match[1]}{BLOCKS[match[2]]()}{match[3]}", text)


def not_yet() -> str:
    from modelyard.spec.unsupported import UNSUPPORTED

    return "".join(f"- {one.name}{f': {_lower(one.fix)}' if one.fix else ''}\n" for one in UNSUPPORTED)


def engines() -> str:
    from modelyard.spec.catalog.engines import ENGINES

    rows = [
        [f"`{name}`", _codes(facts.needs), ", ".join(facts.learns_from), _codes(key for key, _ in facts.managed) or "–"]
        for name, facts in ENGINES.items()
    ]
    return _table(["engine", "keys it needs", "learns from", "`params` that Modelyard sets itself"], rows)


def metrics() -> str:
    from modelyard.spec.catalog.metrics import METRICS

    return _table(["task", "metrics"], [[f"`{task}`", _codes(names)] for task, names in METRICS.items()])


def policy_names() -> str:
    from modelyard.spec.checks.around import GRAPH_NAMES, PLAN_NAMES

    rows = [["`plan`", _codes(PLAN_NAMES)], ["`graph`", _codes(GRAPH_NAMES)]]
    return _table(["name", "has"], rows)


def image_expectations() -> str:
    from modelyard.spec.catalog.expectations import IMAGE_EXPECTATIONS

    rows = [[f"`{name}`", _codes(optional.split()) or "–"] for name, (_, optional) in IMAGE_EXPECTATIONS.items()]
    return _table(["expectation", "arguments"], rows)


def reference() -> str:
    """A heading and a table of keys for each section, and for each table inside it."""
    return "\n".join(_Reference().lines()) + "\n"


class _Reference:
    def __init__(self) -> None:
        from modelyard.spec.formatting import SECTION_ORDER
        from modelyard.spec.schema import spec_schema
        from modelyard.spec.unsupported import ENGINES_TO_COME

        self.to_come = ENGINES_TO_COME
        self.definitions: Json = spec_schema()["$defs"]
        self.sections: Json = self.definitions["Spec"]["properties"]
        self.order = [name for name in SECTION_ORDER if name in self.sections]
        self.examples = dict(_examples())

    def lines(self) -> Iterator[str]:
        tops = [name for name in self.order if not list(self.tables(self.sections[name]))]
        yield from ["### At the top", ""]
        yield self.keys({name: self.sections[name] for name in tops}, required=("version", "project"))
        for name in self.order:
            if name not in tops:
                yield from self.section(name)
        yield from ["### How a task runs", "", "Every section that becomes a task takes these four keys.", ""]
        running = self.definitions["Step"]["properties"]
        yield self.keys({key: running[key] for key in ("resources", "retries", "timeout", "runtime")})
        for key, name in zip(("resources", "retries", "runtime"), _SHARED, strict=True):
            yield from self.part(key, self.definitions[name])

    def section(self, name: str) -> Iterator[str]:
        schema = self.sections[name]
        yield from [f"### `{name}`", "", f"{schema['description']} Example:", "", "```yaml"]
        yield f"{name}: {_flow(self.example(name, schema))}"
        yield from ["```", ""]
        for table in self.tables(schema):
            yield from self.part(f"{name}{_star(schema)}", table)

    def part(self, path: str, table: Json) -> Iterator[str]:
        properties = table["properties"]
        yield from [f"#### `{path}`", "", table.get("description", ""), ""]
        own = {key: value for key, value in properties.items() if not _is_shared(key, value)}
        yield self.keys(own, table.get("required", ()))
        if len(own) < len(properties):
            shared = _codes(key for key in properties if key not in own)
            yield from [f"And {shared}: [how a task runs](#how-a-task-runs).", ""]
        for key, value in own.items():
            seen: list[Json] = []
            for inner in self.tables(value):
                if inner not in seen:
                    seen.append(inner)
                    yield from self.part(f"{path}.{key}{_star(value)}", inner)

    def tables(self, schema: Any) -> Iterator[Json]:
        """The tables with keys of their own that a value may hold, at whatever depth of lists and maps."""
        if isinstance(schema, list):
            for one in schema:
                yield from self.tables(one)
        elif isinstance(schema, dict):
            name = _referred(schema)
            if name in self.definitions and name not in (*_NOT_SHOWN, "Reference", "Spec"):
                schema = self.definitions[name]
            if "properties" in schema and "description" in schema:
                if name not in _SHARED:
                    yield schema
            elif name not in ("ExpectationCheck", "MonitoringCheck", "Spec", *_NOT_SHOWN):
                inside = (schema.get(key) for key in ("anyOf", "items", "additionalProperties"))
                yield from self.tables([*inside, *schema.get("patternProperties", {}).values()])

    def keys(self, properties: Mapping[str, Json], required: Any = ()) -> str:
        rows = []
        for key, schema in properties.items():
            words, text = self.words(schema), schema.get("description", "")
            default = "**required**" if key in required else _default(schema.get("default"), words)
            example = f"`{_flow(self.example(key, schema))}`" if schema.get("examples") else ""
            rows.append([f"`{key}`", " or ".join(words), default, text, example])
        return _table(["key", "type", "default", "what", "example"], rows)

    def example(self, key: str, schema: Json) -> Any:
        """As the model has it: JSON Schema sorts the keys."""
        made: list[Any] = schema["examples"]
        return self.examples.get((key, schema.get("description", "")), made)[0]

    def words(self, schema: Json) -> list[str]:
        """What may be written, in a few words, the short form first."""
        if "anyOf" in schema:
            words = list(dict.fromkeys(word for one in schema["anyOf"] for word in self.words(one)))
            return [word for word in words if word != "number" or not _UNITS & {*words}]
        name = _referred(schema)
        if name:
            return {"Reference": [], "ExpectationCheck": ["check"], "MonitoringCheck": ["check"]}.get(name, ["table"])
        if "enum" in schema or "const" in schema:
            return [f"`{one}`" for one in schema.get("enum", [schema.get("const")]) if one not in self.to_come]
        kind = schema.get("type")
        kinds = kind if isinstance(kind, list) else [kind]
        return [word for one in kinds for word in self._kind(one, schema)]

    def _kind(self, kind: str | None, schema: Json) -> list[str]:
        if kind == "string":
            return [next((word for part, word in _NAMED_PATTERNS if part in schema.get("pattern", "")), "text")]
        if kind == "array":
            items = " or ".join(self.words(schema.get("items", {}))) or "value"
            return [f"list of {items}"]
        if kind == "object":
            inner = [*schema.get("patternProperties", {}).items()]
            named = [value for pattern, value in inner if pattern != "^x-"]
            more = schema.get("additionalProperties")
            value = named[0] if named else more if isinstance(more, dict) else None
            return [f"map of {' or '.join(self.words(value)) or 'value'}"] if value else ["table"]
        names = {"integer": "whole number", "number": "number", "boolean": "true/false", "null": ""}
        return [word] if (word := names.get(str(kind), "value")) else []


def _is_shared(key: str, schema: Json) -> bool:
    return any(f'#/$defs/{name}"' in json.dumps(schema) for name in _SHARED) or (
        key == "timeout" and "Stopped" in schema.get("description", "")
    )


def _referred(schema: Json) -> str:
    return str(schema.get("$ref", "")).removeprefix("#/$defs/").removesuffix("Overlay") if "$ref" in schema else ""


def _default(value: Any, words: list[str]) -> str:
    if isinstance(value, float) and "duration" in words:
        value = f"{value:g}s" if value >= 1 else f"{value * 1000:g}ms"
    if isinstance(value, float) and "share" in words:
        value = f"{value:.0%}"
    return "–" if value in (None, {}, [], "") else f"`{_flow(value)}`"


def _star(schema: Any) -> str:
    """How one of many is written behind the key of a map or a list."""
    text = json.dumps(schema).replace('"^x-": {}', "")
    named = '"patternProperties": {"' in text or '"additionalProperties": {' in text
    return ".*" if named else "[]" if re.search(r'"items": \{"\$ref": "#/\$defs/(?!Reference)', text) else ""


def _examples() -> Iterator[tuple[tuple[str, str], list[Any]]]:
    from modelyard.spec.model.base import Section

    todo: list[type[Section]] = [Section]
    while todo:
        for model in todo.pop().__subclasses__():
            todo.append(model)
            for name, field in model.model_fields.items():
                if field.examples:
                    yield (field.alias or name, field.description or ""), field.examples


def _flow(value: Any) -> str:
    """A value on one line, as YAML is written by hand."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(part) for part in value) + "]"
    if isinstance(value, str):
        return value if _is_plain(value) else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def _is_plain(text: str) -> bool:
    """Whether YAML reads it as this text without quotes, inside of `[…]` too."""
    import yaml

    try:
        return bool(yaml.safe_load(f"[{text}]") == [text])
    except yaml.YAMLError:
        return False


def _codes(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


BLOCKS: dict[str, Callable[[], str]] = {
    "not-yet": not_yet,
    "engines": engines,
    "metrics": metrics,
    "policy-names": policy_names,
    "image-expectations": image_expectations,
    "reference": reference,
}


def main() -> int:
    stale = []
    for path in PAGES:
        before = path.read_text(encoding="utf-8")
        after = page(before)
        if before != after:
            stale.append(path.name)
            if "--check" not in sys.argv:
                path.write_text(after, encoding="utf-8")
    print(f"stale: {', '.join(stale)}" if stale else "all pages are fresh")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
