"""Why a node changes: the node as it was applied beside the node as it is, told in a person's words."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from modelyard.graph.model import CodeFile, Environment, ExternalData, Node
from modelyard.plan.definition import Reason
from modelyard.plan.quantities import signed_size, written
from modelyard.plan.records import LineChanges
from modelyard.wording import counted

_WIDTH = 48
_MISSING: Any = object()


def node_reasons(node: Node, before: Mapping[str, Any], line_changes: LineChanges | None = None) -> list[Reason]:
    """What differs in the node's own definition; inputs are not looked at."""
    return [
        *config_reasons(before["config"], node.config, node.marks),
        *code_reasons(before["code"], node.code, line_changes),
        *data_reasons(before["external"], node.external, node.marks),
        *environment_reasons(before["environment"], node.environment),
    ]


def config_reasons(before: Any, now: Any, marks: Mapping[str, str], path: str = "") -> Iterator[Reason]:
    """One reason for each value that differs, by its path (`params.lr0`, `gate[0]`)."""
    if _descends(before, now):
        for name, old, new in _children(before, now, path):
            yield from config_reasons(old, new, marks, name)
    elif type(before) is not type(now) or before != now:  # `1`, `1.0` and `true` are told apart, as in a fingerprint
        old_text, new_text = _shown(before, now)
        yield Reason("config", path, old_text, new_text, place=_place(marks, path))


def _descends(before: Any, now: Any) -> bool:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        return True
    lists = isinstance(before, list | tuple) and isinstance(now, list | tuple)
    return lists and len(before) == len(now)


def _children(before: Any, now: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(now, Mapping):
        for key in dict.fromkeys([*now, *before]):
            yield (f"{path}.{key}" if path else str(key)), before.get(key, _MISSING), now.get(key, _MISSING)
    else:
        for index, (old, new) in enumerate(zip(before, now, strict=True)):
            yield f"{path}[{index}]", old, new


def _place(marks: Mapping[str, str], path: str) -> str | None:
    """Where the value stands, or the nearest thing around it that has a mark."""
    while path:
        if path in marks:
            return marks[path]
        cut = max(path.rfind("."), path.rfind("["))
        path = path[:cut] if cut > 0 else ""
    return marks.get("")


def _shown(before: Any, now: Any) -> tuple[str | None, str | None]:
    """Both values on one line each; long texts are cut around the first character that differs."""
    old = None if before is _MISSING else _one_line(before)
    new = None if now is _MISSING else _one_line(now)
    if old is None or new is None:
        return (old and _cut(old, 0)), (new and _cut(new, 0))
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    return _cut(old, start), _cut(new, start)


def _one_line(value: Any) -> str:
    if isinstance(value, str) and value.isprintable() and value.strip() == value and value:
        return value
    return json.dumps(value, ensure_ascii=False, default=dict)


def _cut(text: str, around: int) -> str:
    if len(text) <= _WIDTH:
        return text
    start = 0 if around < _WIDTH * 3 // 4 else min(around - _WIDTH // 3, len(text) - _WIDTH)
    end = start + _WIDTH
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


def code_reasons(
    before: list[Mapping[str, Any]], now: tuple[CodeFile, ...], line_changes: LineChanges | None = None
) -> Iterator[Reason]:
    old = {file["path"]: file for file in before}
    new = {file.path: file for file in now}
    for path in sorted(old.keys() | new.keys()):
        if path not in old:
            yield Reason("code", path, note=f"added ({_lines(new[path].lines)})")
        elif path not in new:
            yield Reason("code", path, note="no longer read")
        elif old[path]["digest"] != new[path].digest:
            yield Reason("code", path, note=_edited(path, old[path], new[path], line_changes))


def _lines(count: int) -> str:
    return f"{count:,} line{'' if count == 1 else 's'}"


def _edited(path: str, old: Mapping[str, Any], new: CodeFile, line_changes: LineChanges | None) -> str:
    counted = line_changes(path, old["digest"], new.digest) if line_changes else None
    if counted:
        return f"changed (+{counted[0]} −{counted[1]})"
    difference = new.lines - int(old["lines"])
    if difference:
        return f"changed ({'+' if difference > 0 else '−'}{_lines(abs(difference))})"
    return "changed"


def data_reasons(
    before: Mapping[str, Any] | None, now: ExternalData | None, marks: Mapping[str, str]
) -> Iterator[Reason]:
    if before is None or now is None:
        if before is not None or now is not None:
            uris = (before["uri"] if before else None), (now.uri if now else None)
            yield Reason("data", "path", *uris, place=_place(marks, "path"))
        return
    if before["uri"] != now.uri:
        yield Reason("data", "path", before["uri"], now.uri, place=_place(marks, "path"))
    if before["digest"] != now.digest:
        yield Reason("data", now.uri, note=_data_note(before, now))


def _data_note(before: Mapping[str, Any], now: ExternalData) -> str:
    files, size = now.files - int(before["files"]), now.bytes - int(before["bytes"])
    if not files:
        return "content changed" + (f", {signed_size(size)}" if size else ", same size")
    word = f"{abs(files):,} file{'' if abs(files) == 1 else 's'} {'added' if files > 0 else 'removed'}"
    return f"{word}, {signed_size(size)}"


def environment_reasons(before: Mapping[str, Any], now: Environment) -> Iterator[Reason]:
    old = {str(name): str(version) for name, version in before["packages"]}
    new = dict(now.packages)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield Reason("package", name, old.get(name), new.get(name))
    for field in ("python", "image"):
        was, is_now = before[field], getattr(now, field)
        if was != is_now:
            yield Reason("environment", field, was and str(was), is_now and str(is_now))


def rollout_reasons(node: Node) -> tuple[Reason, ...]:
    """How an endpoint comes to a new version, where it does not take it up at once."""
    rollout = node.config.get("rollout")
    if not rollout:
        return ()
    steps = f"{counted(len(rollout['steps']), 'step')} of {written(float(rollout.get('every', 600.0)))}"
    return (Reason("input", "new version,", note=f"rolled out in {steps}", place=_place(node.marks, "rollout")),)


def resource_reasons(node: Node, before: Mapping[str, Any]) -> tuple[Reason, ...]:
    """Resources are no part of a fingerprint, but a running service has to be started anew to get others."""
    now = asdict(node.resources)
    place = _place(node.marks, "resources")
    return tuple(
        Reason("resources", f"resources.{name}", _one_line(before.get(name)), _one_line(value), place=place)
        for name, value in now.items()
        if before.get(name) != value
    )
