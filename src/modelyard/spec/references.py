"""`${…}`: variables and the environment are filled in here; secrets and what only a running step knows stay as written.

A value that is one reference and nothing else takes the type of what it names. `$${` is a plain `${`; where the text
behind it would be a reference that is filled in later, `$${` stays, and whoever fills that in reads it the same way.
"""

import re
from collections.abc import Mapping
from typing import Any

from modelyard.errors import ModelyardError, Place
from modelyard.nearest import did_you_mean
from modelyard.spec.address import format_address
from modelyard.spec.tree import Map, Path, Seq, nearest_place
from modelyard.spec.variables import MISSING

LATE = ("inputs", "outputs", "params", "item")
"""Filled in when the step runs."""

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}\n]*)\}|\$\{")
_IS_LATE = re.compile(r"(secret|inputs|outputs|params)\.[A-Za-z0-9_-]+\}|item\}")
_SECRET_KEYS = frozenset(("url", "urls", "uri", "remote", "auth", "env"))
_SHORT_FORMS = frozenset((("tracking",), ("state",)))
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


class References:
    """Fills in one tree. `errors` has what could not be, `unresolved` the paths of those values."""

    def __init__(self, tree: Map, variables: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self.tree = tree
        self.variables = variables
        self.environ = environ
        self.errors: list[ModelyardError] = []
        self.unresolved: list[Path] = []

    def fill(self, skip: tuple[str, ...]) -> Map:
        """The tree with values in place of references, top-level keys in `skip` and the user's own left as they are."""
        filled = self.tree
        for key, value in self.tree.items():
            if key in skip or key.startswith("x-"):
                continue
            replaced = self._value(value, (key,))
            if replaced is not value:
                filled = self.tree.copy() if filled is self.tree else filled
                filled[key] = replaced
        return filled

    def _value(self, value: Any, path: Path) -> Any:
        kind = type(value)
        if kind is str:
            return self._text(value, path) if "${" in value else value
        if kind is Map:
            return self._container(value, path, value.items())
        if kind is Seq:
            return self._container(value, path, enumerate(value))
        return value

    def _container(self, node: Any, path: Path, items: Any) -> Any:
        changed: list[tuple[Any, Any]] = []
        for key, value in items:
            kind = type(value)
            if kind is str:
                if "${" not in value:
                    continue
                replaced = self._text(value, (*path, key))
            elif kind is Map:
                replaced = self._container(value, (*path, key), value.items())
            elif kind is Seq:
                replaced = self._container(value, (*path, key), enumerate(value))
            else:
                continue
            if replaced is not value:
                changed.append((key, replaced))
        if not changed:
            return node
        twin = node.copy()
        for key, replaced in changed:
            twin[key] = replaced
        return twin

    def _text(self, text: str, path: Path) -> Any:
        """The value of one string. Unchanged, and the very same, where everything in it stays."""
        whole = _REFERENCE.fullmatch(text)
        if whole and whole[1] is not None:
            kept, value = self._one(whole, path)
            return text if kept else value
        parts: list[str] = []
        end = 0
        for found in _REFERENCE.finditer(text):
            parts.append(text[end : found.start()])
            parts.append(self._part(found, path))
            end = found.end()
        parts.append(text[end:])
        filled = "".join(parts)
        return text if filled == text else filled

    def _part(self, found: re.Match[str], path: Path) -> str:
        if found[0] == "$${":
            return "$${" if _IS_LATE.match(found.string, found.end()) else "${"
        kept, value = self._one(found, path)
        if kept:
            return found[0]
        if isinstance(value, list):
            what = f"`{found[0]}` is a list, and cannot be part of a text"
            self._wrong(found, path, what, "use it as the whole value")
            return found[0]
        return ("true" if value else "false") if isinstance(value, bool) else str(value)

    def _one(self, found: re.Match[str], path: Path) -> tuple[bool, Any]:
        """(True, None): it stays as written, now or for good; else (False, its value)."""
        inside = found[1]
        if inside is None:
            self._wrong(found, path, "`${` without `}`", "close it; `$${` is a plain `${`")
            return True, None
        space, _, name = inside.partition(".")
        if space in LATE:
            self._check_late(found, path, space, name)
        elif space == "secret" and _NAME.fullmatch(name):
            self._check_secret(found, path)
        elif space == "var":
            return self._variable(found, path, name)
        elif space == "env" and _NAME.fullmatch(name):
            if name in self.environ:
                return False, _literal(self.environ[name])
            self._wrong(found, path, f"the environment variable `{name}` is not set", f"set {name} before you run this")
        else:
            self._unknown(found, path, inside)
        return True, None

    def _variable(self, found: re.Match[str], path: Path, name: str) -> tuple[bool, Any]:
        if name not in self.variables:
            fix = did_you_mean(name, self.variables, "Variables here") or "declare it under `variables`"
            self._wrong(found, path, f"there is no variable `{name}`", fix)
            return True, None
        value = self.variables[name]
        if value is MISSING:
            fix = f"give it: `--var {name}=…`, or MODELYARD_VAR_{name.replace('-', '_')}, or a default"
            self._wrong(found, path, f"the variable `{name}` has no value", fix)
            return True, None
        return False, _literal(value) if isinstance(value, str) else value

    def _check_secret(self, found: re.Match[str], path: Path) -> None:
        if path in _SHORT_FORMS or any(step in _SECRET_KEYS for step in path[1:]):
            return
        if path[0] == "sources" and path[-1] == "path" and "://" in found.string:
            return
        fix = "secrets go where a value reaches a process: env, auth, URLs"
        self._wrong(found, path, "a secret cannot stand here", fix)

    def _check_late(self, found: re.Match[str], path: Path, space: str, name: str) -> None:
        if path[0] not in ("steps", "training") or len(path) < 3:
            fix = "it is known only while a step runs; `${var.NAME}` can be used everywhere"
            self._wrong(found, path, f"`{found[0]}` has no meaning outside of `steps`", fix)
            return
        if path[0] == "training":
            return  # the engine says what its command is given
        step: Any = self.tree["steps"][path[1]]
        if not isinstance(step, dict):
            return  # no step at all: its type is told as the mistake
        if space == "item":
            if name:
                self._wrong(found, path, f"`{found[0]}`: an item has no parts", "write `${item}`")
            elif "foreach" not in step:
                self._wrong(found, path, "`${item}` without `foreach`", "add `foreach`: a list, or `inputs.NAME`")
            return
        known = step.get(space) or ()
        names = [str(key) for key in known] if isinstance(known, dict | list) else []
        if name not in names:
            fix = did_you_mean(name, names, f"Its {space}") or f"name it under `{space}` of this step"
            self._wrong(found, path, f"`{name}` is not among the {space} of steps.{path[1]}", fix)

    def _unknown(self, found: re.Match[str], path: Path, inside: str) -> None:
        spaces = ["var", "env", "secret", *(LATE if path[0] == "steps" else ())]
        space, dot, _ = inside.partition(".")
        if not dot and inside in self.variables:
            fix = f"did you mean `${{var.{inside}}}`?"
        elif not dot and inside.isupper():
            fix = f"did you mean `${{env.{inside}}}`? `$${{{inside}}}` is the plain text"
        else:
            fix = did_you_mean(space, spaces, "References begin with") + "; `$${` is a plain `${`"
        self._wrong(found, path, f"unknown reference `{found[0][:80]}`", fix)

    def _wrong(self, found: re.Match[str], path: Path, what: str, fix: str) -> None:
        self.unresolved.append(path)
        place = nearest_place(self.tree, path)
        if place and place.end_column is not None:
            place = _within(place, found)
        address = format_address(path)
        self.errors.append(ModelyardError(what, where=place, address=address, fix=fix, code="reference"))


def _within(place: Place, found: re.Match[str]) -> Place:
    """The reference's own columns, where the value is written as it reads: in one line, plain or in simple quotes."""
    assert place.end_column is not None
    quotes = place.end_column - place.column - len(found.string)
    if quotes not in (0, 2):
        return place
    start = place.column + quotes // 2 + found.start()
    return Place(place.file, place.line, start, start + len(found[0]))


def _literal(text: str) -> str:
    """A value filled in is text: a reference in it must not come to life later."""
    return re.sub(r"\$\{(?=(?:secret|inputs|outputs|params)\.|item\})", "$${", text)
