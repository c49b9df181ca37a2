"""`function`: a Python function of the user's, called in the runtime's own process.

Arguments go by name. An input is its folder (`Path`) unless the annotation asks for a table (`pandas.DataFrame`,
`pyarrow.Table`); parameters are what the spec says; `item` is the item of a `foreach`. A function that writes by
itself takes `out` (the folder of its only output, or a dict of folders) or `<output>_dir`; `seed` and `progress`
(`progress(done, total, text)`) are there for the asking. What it returns becomes the outputs: a table, a path to copy,
numbers by name for an output of type `metrics`, a dict by output name, or None where it wrote everything itself.
"""

import inspect
import os
import sys
import typing
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.secrets import resolve
from modelyard.seeds import seed_of, set_seeds
from modelyard.steps.arguments import bind
from modelyard.steps.base import StepContext, StepResult
from modelyard.steps.foreach import combine, run_each
from modelyard.steps.outputs import settle
from modelyard.steps.returned import keep


def run(context: StepContext) -> StepResult:
    """Call `config.call` once, or once for each file of the input that `config.foreach` names, or on a step's parts."""
    config = context.config
    for key, text in (config.get("env") or {}).items():
        os.environ[key] = resolve(str(text), context.document.settings)
    if config.get("foreach"):
        return run_each(context, run_once)
    if config.get("join") is True:
        folders = [context.inputs[port] for port in sorted(context.inputs, key=_number)]
        names = config.get("parts") or [str(number) for number in range(len(folders))]
        parts = dict(zip(names, folders, strict=True))
        return combine(context, config.get("call"), dict.fromkeys(context.outputs, parts))
    return run_once(context, {})


def run_once(context: StepContext, item: Mapping[str, Any]) -> StepResult:
    """`item` is {"item": path} where the step runs once for each file of an input."""
    config = context.config
    values = {
        **context.inputs,
        **(config.get("params") or {}),
        **({"item": config["item"]} if "item" in config else {}),
    }
    return _call(context, config["call"], values, [], item)


def call_join(context: StepContext, call: str, parts: Mapping[str, list[Path]]) -> StepResult:
    """Call a join with the folders of every part: one list, or a list an output by the outputs' names."""
    params = dict(context.config.get("params") or {})
    if len(parts) == 1:
        return _call(context, call, params, next(iter(parts.values())), optional=frozenset(params))
    return _call(context, call, {**params, **parts}, [], optional=frozenset(params))


def _call(
    context: StepContext,
    call: str,
    values: Mapping[str, Any],
    parts: list[Path],
    also: Mapping[str, Any] | None = None,
    optional: frozenset[str] = frozenset(),
) -> StepResult:
    seed = seed_of(context.config)
    function = load(call, context.root)
    set_seeds(seed)  # again, for what the import brought along
    arguments = bind(function, call, values, parts, {**_offered(context, seed), **(also or {})}, optional)
    try:
        returned = function(**arguments)
    except SystemExit as error:
        raise ModelyardError(f"{call} called sys.exit({error.code!r})", code="step-raised") from error
    metrics = keep(returned, context.config, context.outputs, call)
    return StepResult(metrics={**metrics, **settle(context.config, context.outputs, call)})


def load(call: str, root: Path) -> Callable[..., Any]:
    """The function that `module:function` names, imported from the project's folder."""
    module_name, _, name = call.partition(":")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise ModelyardError(
                f"{call} cannot be imported: it needs `{error.name}`, which is not installed",
                fix=f"install it, and name its package under `runtime.packages`: pip install {error.name}",
                code="import-failed",
            ) from error
        raise ModelyardError(
            f"there is no module `{module_name}` in {root}",
            fix=f"write {module_name.replace('.', '/')}.py there, or correct `call: {call}`",
            code="import-failed",
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        there = [key for key, value in vars(module).items() if inspect.isfunction(value) and not key.startswith("_")]
        raise ModelyardError(
            f"{module_name} has no function `{name}`", fix=f"it has: {', '.join(there) or 'none'}", code="import-failed"
        )
    return typing.cast("Callable[..., Any]", function)


def _offered(context: StepContext, seed: int) -> dict[str, Any]:
    outputs = dict(context.outputs)
    out: Any = next(iter(outputs.values())) if len(outputs) == 1 else outputs
    folders = {f"{name.replace('-', '_')}_dir": folder for name, folder in outputs.items()}
    return {"out": out, "seed": seed, "progress": context.progress, "workdir": context.workdir, **folders}


def _number(port: str) -> tuple[int, str]:
    digits = port.removeprefix("part_").partition("_")[0]
    return (int(digits) if digits.isdigit() else sys.maxsize, port)
