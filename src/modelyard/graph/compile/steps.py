"""`steps.x`: a command or a function; with `foreach` over a list one node an item, and one that joins the parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelyard.errors import ModelyardError
from modelyard.graph.compile.compilation import Compilation
from modelyard.graph.compile.conditions import holds
from modelyard.graph.model import CodeFile, Ref
from modelyard.spec.values import RUNNING_KEYS

if TYPE_CHECKING:
    from modelyard.spec.model.steps import Step

_NOT_CONFIG = (*RUNNING_KEYS, "inputs", "foreach", "join")
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_INPUT = re.compile(r"\$?\{?inputs\.([a-z0-9][a-z0-9_-]*)\}?$")


def compile_steps(out: Compilation) -> None:
    for name in sorted(out.spec.steps):
        address = f"steps.{name}"
        with out.at(address):
            _step(out, address, out.spec.steps[name])


def _step(out: Compilation, address: str, step: Step) -> None:
    config = step.plain(*_NOT_CONFIG)
    inputs = {port: out.ref(source, f"{address}.inputs.{port}") for port, source in step.inputs.items()}
    kind = "command" if step.run else "function"
    if step.when and "item" not in step.when and not holds(step.when, step.params, out.variables):
        out.skipped[address] = f"`when: {step.when}` is false"
        return
    if isinstance(step.foreach, list):
        _items(out, address, step, config, inputs)
        return
    if step.foreach is not None:
        config["foreach"] = {"input": _loop_port(step, address)}
        if step.join:
            config["join"] = step.join
    code = _code(out, address, step)
    out.add(address, kind, config, inputs=inputs, outputs=tuple(step.outputs), running=step, code=code)


def _loop_port(step: Step, address: str) -> str:
    match = _INPUT.match(str(step.foreach))
    if match and match[1] in step.inputs:
        return match[1]
    known = ", ".join(f"`inputs.{name}`" for name in step.inputs) or "no inputs"
    fix = f"Write a list, or one of its inputs; it has {known}."
    raise ModelyardError(
        f"`{step.foreach}` is nothing to loop over", address=f"{address}.foreach", code="foreach", fix=fix
    )


def _items(out: Compilation, address: str, step: Step, config: dict[str, Any], inputs: Mapping[str, Ref]) -> None:
    """One node an item, then the node at the step's own address, which has what the parts make together."""
    items = list(step.foreach or ())
    if not step.outputs:
        fix = "Give it an output, or take `foreach` away."
        raise ModelyardError(
            "a step with `foreach` needs an output for its parts", address=address, code="foreach", fix=fix
        )
    parts: list[str] = []
    for index, (slug, item) in enumerate(zip(slugs(items), items, strict=True)):
        if step.when and not holds(step.when, step.params, out.variables, item):
            out.skipped[f"{address}[{slug}]"] = f"`when: {step.when}` is false"
            continue
        part = f"{address}[{slug}]"
        code = _code(out, address, step, item)
        kind = "command" if step.run else "function"
        parts.append(part)
        out.add(
            part, kind, {**config, "item": item}, inputs=inputs, outputs=tuple(step.outputs), running=step, code=code,
            origins={"": address, "item": f"{address}.foreach[{index}]"},
        )  # fmt: skip
    _join(out, address, step, config, parts)


def _join(out: Compilation, address: str, step: Step, config: Mapping[str, Any], parts: list[str]) -> None:
    """Ports `part_0`, `part_1` … in the order of the items; without `join` each part is a folder of the output."""
    first = next(iter(step.outputs))
    joined = {key: config[key] for key in ("outputs", "params") if key in config}
    ports = {f"part_{index}": Ref(part, first) for index, part in enumerate(parts)}
    if len(step.outputs) > 1:
        fix = f"It has {', '.join(step.outputs)}; make steps of them."
        raise ModelyardError(
            "a step with `foreach` has one output", address=f"{address}.outputs", code="foreach", fix=fix
        )
    names = [part[len(address) + 1 : -1] for part in parts]
    code = out.code.of_call(step.join) if out.code and step.join else ()
    out.add(
        address, "function", {**joined, "call": step.join, "join": True, "parts": names},
        inputs=ports, outputs=tuple(step.outputs), running=step, code=code,
        origins={"": address, "call": f"{address}.join"},
    )  # fmt: skip


def slugs(items: list[Any]) -> list[str]:
    """A name an item: the item itself where all are short and distinct words or numbers, else its index."""
    words = [str(item) if isinstance(item, str | int) and not isinstance(item, bool) else "" for item in items]
    if all(_SLUG.fullmatch(word) for word in words) and len(set(words)) == len(words):
        return words
    return [str(index) for index in range(len(items))]


def _code(out: Compilation, address: str, step: Step, item: Any = None) -> tuple[CodeFile, ...]:
    finder = out.code
    if finder is None:
        return ()
    found = finder.of_command(step.run, step.params, item) if step.run else finder.of_call(step.call or "")
    if step.join and not isinstance(step.foreach, list):
        found = tuple(sorted({*found, *finder.of_call(step.join)}, key=lambda file: file.path))
    return found
