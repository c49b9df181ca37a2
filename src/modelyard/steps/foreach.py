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

Once = Callable[[StepContext, Mapping[str, Any]], StepResult]


def run_each(context: StepContext, once: Once) -> StepResult:
    """Run `once` for each file, in order of path, and put the parts together. What was done before is not done again."""
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
    _join(context, parts)
    shutil.rmtree(context.workdir / "parts", ignore_errors=True)
    return StepResult(summary=f"{len(files)} items, {len(files) - again} of them from earlier runs")


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


def _join(context: StepContext, parts: Mapping[str, Mapping[str, Path]]) -> None:
    if call := context.config.get("join"):
        from modelyard.steps.function import call_join

        call_join(context, call, {name: [part[name] for part in parts.values()] for name in context.outputs})
        return
    for name, folder in context.outputs.items():
        if output_type(context.config, name) == "table":
            import pyarrow as pa

            tables = [read_folder(part[name]) for part in parts.values()]
            write_table(pa.concat_tables(tables, promote_options="default"), folder)
        else:
            for item, part in parts.items():
                shutil.copytree(part[name], folder / item)
