"""`foreach: inputs.p`: a step once for each file of an input, each part cached by itself, then joined."""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelyard.digests import digest_json
from modelyard.errors import ModelyardError
from modelyard.steps.base import StepContext, StepResult
from modelyard.steps.outputs import output_type, read_folder, write_table
from modelyard.task import TaskResult
from modelyard.wording import counted

Once = Callable[[StepContext, Mapping[str, Any]], StepResult]


def run_each(context: StepContext, once: Once) -> StepResult:
    """Run `once` for each file, in order of path, and put the parts together; what was done before is not redone."""
    port = context.config["foreach"]["input"]
    folder = context.inputs[port]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise ModelyardError(f"the input `{port}` holds no files to run for", code="foreach-empty")
    digests = _file_digests(context, port)
    parts: dict[str, dict[str, Path]] = {}
    again = 0
    for number, path in enumerate(files):
        name = path.relative_to(folder).as_posix()
        context.progress(number, len(files), name)
        parts[name], cached = _one(context, once, port, path, digests[name])
        again += not cached
    context.progress(len(files), len(files), "joining")
    by_output = {output: {name: part[output] for name, part in parts.items()} for output in context.outputs}
    joined = combine(context, context.config.get("join"), by_output)
    shutil.rmtree(context.workdir / "parts", ignore_errors=True)
    summary = counted(len(files), "item") + (
        f", {len(files) - again} of them from earlier runs" if again < len(files) else ""
    )
    return StepResult(metrics=joined.metrics, summary=summary)


def _file_digests(context: StepContext, port: str) -> dict[str, str]:
    manifest = context.store.manifest(context.document.inputs[port].digest)
    return {entry["path"]: entry["digest"] for entry in manifest}


def _one(context: StepContext, once: Once, port: str, path: Path, digest: str) -> tuple[dict[str, Path], bool]:
    fingerprint = _item_fingerprint(context, port, path.name, digest)
    folder = context.workdir / "parts" / fingerprint.removeprefix("b3:")[:20]
    shutil.rmtree(folder, ignore_errors=True)
    outputs = {name: folder / name for name in context.outputs}
    known = context.store.get_result(fingerprint)
    cached = known is not None and all(context.store.has(known.outputs[name].digest) for name in outputs)
    if not cached:
        known = _compute(context, once, port, path, outputs, fingerprint)
        shutil.rmtree(folder)
    for name, target in outputs.items():
        context.store.materialize(known.outputs[name].digest, target)
    return outputs, cached


def _compute(
    context: StepContext, once: Once, port: str, path: Path, outputs: Mapping[str, Path], fingerprint: str
) -> TaskResult:
    started = time.perf_counter()
    for target in outputs.values():
        target.mkdir(parents=True)
    part = replace(context, inputs={**context.inputs, port: path}, outputs=outputs)
    done = once(part, {"item": path})
    stored = {name: context.store.put_tree(target) for name, target in outputs.items()}
    result = TaskResult(
        fingerprint, stored, done.metrics, seconds=time.perf_counter() - started, run_id=context.document.run_id
    )
    context.store.put_result(fingerprint, result)
    return result


def _item_fingerprint(context: StepContext, port: str, name: str, digest: str) -> str:
    """What one part depends on: all that the node depends on, with one file in place of the input."""
    node = context.document.node
    config = {key: value for key, value in context.config.items() if key not in ("foreach", "join")}
    return digest_json(
        {
            "kind": f"{context.kind}-item",
            "config": config,
            "code": [[file["path"], file["digest"]] for file in node["code"]],
            "environment": node["environment"],
            "inputs": {key: value.digest for key, value in context.document.inputs.items() if key != port},
            "item": [name, digest],
        }
    )


def combine(context: StepContext, call: str | None, parts: Mapping[str, Mapping[str, Path]]) -> StepResult:
    """Make each output of its parts (by item, in order): by the user's join, else tables end to end, files by item."""
    if call:
        from modelyard.steps.function import call_join

        return call_join(context, call, {name: list(folders.values()) for name, folders in parts.items()})
    for name, folders in parts.items():
        if output_type(context.config, name) == "table":
            import pyarrow as pa

            tables = [read_folder(folder) for folder in folders.values()]
            write_table(pa.concat_tables(tables, promote_options="default"), context.outputs[name])
        else:
            for item, folder in folders.items():
                shutil.copytree(folder, context.outputs[name] / item)
    return StepResult()
