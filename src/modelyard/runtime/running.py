"""What the step's process does: inputs out of the store, the step itself, outputs into the store."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.files import write_whole
from modelyard.runtime.failure import error_event
from modelyard.runtime.record import record_run
from modelyard.seeds import seed_of, set_seeds
from modelyard.steps import FOLLOWERS, SERVICES, STEPS, TRIALS, find
from modelyard.steps.base import StepContext, StepResult
from modelyard.task import Artifact, TaskDocument, TaskResult
from modelyard.torchrun import torchrun_of

Emit = Callable[[Mapping[str, Any]], None]


def run_document(document: TaskDocument, emit: Emit) -> int:
    """Run the task or service that a document names, to its end; the process's exit code."""
    try:
        _enter_project(Path(document.root))
        if document.node["role"] == "service":
            return _serve(document, emit)
        if "trial" in document.study:
            try_once(document, emit)
            emit({"event": "followed"})
            return 0
        if torchrun_of().follows:
            follow_task(document, emit)
            emit({"event": "followed"})
            return 0
        emit({"event": "result", "result": run_task(document, emit).to_json()})
    except Exception as error:  # noqa: BLE001 - the border of the user's code: everything becomes an event
        emit(error_event(error))
        return 1
    return 0


def run_task(document: TaskDocument, emit: Emit) -> TaskResult:
    """One attempt at a task. The result is in the store, and in its file, when this returns."""
    started = time.perf_counter()
    seed = seed_of(document.node["config"])
    set_seeds(seed)
    context = _prepare(document, emit)
    try:
        done = find(STEPS, context.kind)(context)
        outputs = {name: context.store.put_tree(folder) for name, folder in context.outputs.items()}
    finally:
        _clear(context)
    result = _result(document, done, outputs, seed, time.perf_counter() - started)
    context.store.put_result(document.fingerprint, result)
    write_result(Path(document.result), result)
    return result


def follow_task(document: TaskDocument, emit: Emit) -> None:
    """Take part in a task that another node leads, which alone has a result. Its folder here is of its own."""
    rank = torchrun_of().node_rank
    if document.node["kind"] not in FOLLOWERS:
        raise ModelyardError(f"a task of kind {document.node['kind']} runs on one machine only", code="one-machine")
    set_seeds(seed_of(document.node["config"]))
    context = _prepare(replace(document, workdir=f"{document.workdir}/node-{rank}"), emit)
    try:
        find(FOLLOWERS, context.kind)(context)
    finally:
        _clear(context)


def try_once(document: TaskDocument, emit: Emit) -> None:
    """One trial of a study. Its folder is its own: other trials of the study run at the same time."""
    set_seeds(seed_of(document.node["config"]))
    folder = Path(document.workdir) / str(document.study["trial"])
    context = _prepare(replace(document, workdir=str(folder)), emit)
    try:
        done = find(TRIALS, context.kind)(context)
    finally:
        _remove(folder)
    emit({"event": "note", "text": done.summary})


def _serve(document: TaskDocument, emit: Emit) -> int:
    find(SERVICES, document.node["kind"])(_prepare(document, emit))
    return 0


def _enter_project(root: Path) -> None:
    if not root.is_dir():
        raise ModelyardError(f"the project's folder {root} is not there", code="no-project")
    os.chdir(root)
    sys.path[:] = [str(root), *(path for path in sys.path if path not in ("", str(root)))]


def _prepare(document: TaskDocument, emit: Emit) -> StepContext:
    from modelyard.store import Store

    root, workdir, node = Path(document.root), Path(document.workdir), document.node
    store = Store.open(document.store, root, document.settings)
    (workdir / "inputs").mkdir(parents=True, exist_ok=True)
    inputs = {}
    for port, artifact in document.inputs.items():
        folder = workdir / "inputs" / port
        _remove(folder)  # a killed attempt may have left it half full
        store.materialize(artifact.digest, folder)
        inputs[port] = folder
    outputs = {}
    for name in node["outputs"] if node["role"] == "task" else ():
        folder = workdir / f"outputs-{document.attempt}" / name
        _remove(folder)
        folder.mkdir(parents=True)
        outputs[name] = folder
    return StepContext(
        document, node["address"], node["kind"], node["config"], inputs, outputs, root, workdir, store, emit
    )


def _result(
    document: TaskDocument, done: StepResult, outputs: Mapping[str, Artifact], seed: int, seconds: float
) -> TaskResult:
    return TaskResult(
        fingerprint=document.fingerprint,
        outputs=outputs,
        metrics=dict(done.metrics),
        summary=done.summary,
        warnings=tuple(done.warnings),
        seconds=round(seconds, 4),
        run_id=document.run_id,
        finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        recorded={**record_run(document, seed), **done.recorded},
    )


def write_result(path: Path, result: TaskResult) -> None:
    """Write the result file so that a reader sees all of it or none."""
    import json

    write_whole(path, json.dumps(result.to_json(), default=str))


def _clear(context: StepContext) -> None:
    """Take away what can be made again; the rest of the workdir (checkpoints) is the step's and stays."""
    _remove(context.workdir / "inputs")
    _remove(context.workdir / f"outputs-{context.document.attempt}")


def _remove(folder: Path) -> None:
    if not folder.exists():
        return
    try:
        shutil.rmtree(folder)
    except PermissionError:  # a read-only folder of the store's or the step's making
        for path in (folder, *folder.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                with suppress(OSError):
                    path.chmod(0o700)
        shutil.rmtree(folder)
