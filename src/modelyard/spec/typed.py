"""From the plain tree to the typed `Spec`, and from pydantic's errors to ours, each at its place."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from modelyard.errors import ModelyardError, Place
from modelyard.nearest import closest, did_you_mean
from modelyard.spec.address import format_address
from modelyard.spec.tree import Map, Path, Seq, nearest_place, value_at

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from modelyard.spec.model import Spec

_KINDS = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "dict": "a map",
    "model": "a map",
    "none": "null",
}


def to_spec(tree: Map) -> "tuple[Spec | None, list[ModelyardError]]":
    """The typed spec, or what is wrong with it: one error a place."""
    from modelyard.spec.compiled import keep, typed

    spec = typed(tree)
    if spec is not None:
        return spec, []
    from pydantic import ValidationError

    from modelyard.spec.model import Spec

    try:
        spec = Spec.model_validate(tree)
        keep(Spec)
        return spec, []
    except ValidationError as error:
        details = error.errors(include_url=False)
        return None, _translate(tree, details, Spec)


def _translate(tree: Map, details: "Sequence[ErrorDetails]", root: "type[BaseModel]") -> list[ModelyardError]:
    found: dict[Path, list[ErrorDetails]] = {}
    for detail in details:
        path, is_key = _path_in(tree, detail)
        found.setdefault((*path, _KEY) if is_key else path, []).append(detail)
    found = _without_alien_maps(tree, found)
    told = {path: group for path, group in found.items() if not _is_shadowed(path, group, found)}
    return [_one_error(tree, path, group, root) for path, group in told.items()]


def _without_alien_maps(tree: Map, found: "dict[Path, list[ErrorDetails]]") -> "dict[Path, list[ErrorDetails]]":
    """A map of which no key is known, and that lacks some, is told as one mistake: its field says what it takes."""
    kept = dict(found)
    missing = {path[:-1] for path, group in found.items() if path and group[0]["type"] == "missing"}
    for parent in missing:
        here = value_at(tree, parent)
        unknown = [key for key in here if (*parent, key, _KEY) in found] if isinstance(here, dict) and parent else []
        if unknown and len(unknown) == len(here):
            for path, group in found.items():
                is_one = path[-1] == _KEY and path[:-2] == parent
                if is_one or (path[:-1] == parent and group[0]["type"] == "missing"):
                    kept.pop(path, None)
            kept[(*parent, _ALIEN)] = [found[(*parent, unknown[0], _KEY)][0]]
    return kept


_KEY = "[key]"
_ALIEN = "[alien]"


def _path_in(tree: Map, detail: "ErrorDetails") -> tuple[Path, bool]:
    """The error's path as it is written in the file: labels of unions and steps of long forms are left out."""
    loc = detail["loc"]
    if detail["type"] == "extra_forbidden" or (loc and loc[-1] == _KEY):
        loc = loc[:-1] if loc[-1] == _KEY else loc
        return _walk(tree, loc, keep_last=True), True
    return _walk(tree, loc, keep_last=detail["type"] == "missing"), False


def _walk(tree: Map, loc: Sequence[str | int], *, keep_last: bool) -> Path:
    path: list[str | int] = []
    node: Any = tree
    for depth, step in enumerate(loc):
        if isinstance(node, Map) and step in node:
            node = node[str(step)]
        elif isinstance(node, Seq) and isinstance(step, int) and step < len(node):
            node = node[step]
        elif not (keep_last and depth == len(loc) - 1):
            continue
        path.append(step)
    return tuple(path)


def _is_shadowed(path: Path, group: "list[ErrorDetails]", found: Iterable[Path]) -> bool:
    """Whether an error only says that something inside of it is wrong, which is told by itself."""
    if not all(detail["type"] in ("too_short", "model_type", "dict_type") or _in_union(detail) for detail in group):
        return False
    return any(len(other) > len(path) and other[: len(path)] == path for other in found)


def _in_union(detail: "ErrorDetails") -> bool:
    return bool(detail["loc"]) and isinstance(detail["loc"][-1], str) and bool(re.match(_LABEL, detail["loc"][-1]))


_LABEL = r"^(str|int|float|bool|none|[A-Z]\w*|\w+[\[\(-].*)$"


def _one_error(tree: Map, path: Path, group: "list[ErrorDetails]", root: "type[BaseModel]") -> ModelyardError:
    from modelyard.spec.fields import description, keys_at

    first = group[0]
    kind = first["type"]
    if path and path[-1] == _KEY:
        path = path[:-1]
        what, fix, code = _key_error(path, first, root)
        return _at(tree, path, what, fix, code, key=True)
    if path and path[-1] == _ALIEN:
        path = path[:-1]
        fix = description(path, root) or did_you_mean("", keys_at(root, path), "Keys here")
        return _at(tree, path, "this map is not one that can stand here", fix, "value")
    if kind == "missing":
        name = str(path[-1])
        fix = f"add `{name}`" + (f": {hint}" if (hint := description(path, root)) else "")
        return _at(tree, path[:-1], f"`{name}` is missing", fix, "missing-key", address=path[:-1])
    what, fix, code = _value_error(group)
    if code == "type":
        fix = description(path, root)
        if first["type"] in ("model_type", "dict_type") and (keys := keys_at(root, path)):
            fix = f"Keys here: {', '.join(keys[:8])}{', …' if len(keys) > 8 else ''}"
    return _at(tree, path, what, fix, code)


def _key_error(path: Path, detail: "ErrorDetails", root: "type[BaseModel]") -> tuple[str, str, str]:
    from modelyard.spec.fields import keys_at

    name = str(path[-1])
    if detail["type"] != "extra_forbidden":
        return f"`{name}` cannot be a name", _sentence(detail), "name"
    keys = keys_at(root, path[:-1])
    return "unknown key", did_you_mean(name, keys, "Keys here"), "unknown-key"


def _value_error(group: "list[ErrorDetails]") -> tuple[str, str, str]:
    first = group[0]
    given = first["input"]
    literals = [word for detail in group for word in _literals(detail)]
    kinds = list(dict.fromkeys(text for detail in group if (text := _wanted(detail))))
    if "a number" in kinds and "a whole number" in kinds:
        kinds.remove("a whole number")
    if literals and isinstance(given, str) and given not in literals:
        near = closest(given, literals)
        hint = f"did you mean `{near}`? " if near else ""
        others = "".join(f", or {text}" for text in kinds)
        return f"`{given[:80]}` is not known here", f"{hint}Allowed: {', '.join(literals)}{others}", "value"
    if kinds or literals:
        wanted = [*kinds, *(f"`{word}`" for word in literals)]
        shown = f"the text {_shown(given)}" if given in literals else _shown(given)
        return f"must be {' or '.join(wanted)}, not {shown}", "", "type"
    if first["type"].startswith(("greater", "less", "multiple", "string_", "too_", "finite")):
        return f"{_shown(given)} is not allowed", _sentence(first), "value"
    found = f"; this is {_shown(given)}" if isinstance(given, dict | list | tuple) else ""
    return _sentence(first) + found, "", "value"


def _literals(detail: "ErrorDetails") -> list[str]:
    if detail["type"] not in ("literal_error", "enum"):
        return []
    expected = str(detail.get("ctx", {}).get("expected", ""))
    return [quoted or number for quoted, number in re.findall(r"'([^']*)'|(?:^| )(\d+)", expected)]


def _wanted(detail: "ErrorDetails") -> str | None:
    head, _, tail = detail["type"].partition("_")
    return _KINDS.get(head) if tail in ("type", "parsing", "from_float", "required") else None


def _sentence(detail: "ErrorDetails") -> str:
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("Input should be", "must be").replace("String should", "the text must")
    return message[:1].lower() + message[1:] if message[:2].istitle() else message


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value)
    return f"`{text[:60]}…`" if len(text) > 60 else f"`{text}`"


def _at(
    tree: Map, path: Path, what: str, fix: str, code: str, *, key: bool = False, address: Path | None = None
) -> ModelyardError:
    place = nearest_place(tree, path, key=key) or Place(_main_file(tree), 1, 1)
    return ModelyardError(what, where=place, address=format_address(path) or None, fix=fix or None, code=code)


def _main_file(tree: Map) -> str:
    return next((mark[0] for mark in tree.marks.values()), "mlops.yaml")
