"""`register`: a model's next version, its gates, and the stages that it goes to.

Order matters, for a kill may come anywhere: MLflow's version first (found again by the model's digest), then our
record of it, then MLflow's alias, and last the reference that servers follow.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.steps.base import StepContext, StepResult, write_json
from modelyard.steps.gates import Gate, check_gates
from modelyard.steps.latency import measure_latency
from modelyard.tracking.versions import Registered, Registry
from modelyard.wording import counted

_CHAMPION = "production"


def run(ctx: StepContext) -> StepResult:
    """Register port `model` with the scores of port `metrics`; fill output `version` (version.json).

    Raises ModelyardError for a gate that fails: the version is kept as rejected, and nothing is promoted.
    """
    name = str(ctx.config["name"])
    scores = json.loads((ctx.inputs["metrics"] / "metrics.json").read_text(encoding="utf-8"))
    stages = sorted(stage for stage, rule in (ctx.config.get("promote") or {}).items() if rule == "auto")
    before = _champion(ctx, name, stages)
    gates = _judged_before(ctx, name) or check_gates(
        ctx.config.get("gate") or (), _names(ctx, scores, before), ctx.address
    )
    passed = all(gate.passed for gate in gates)
    registry = Registry(ctx.document, name)
    digest = ctx.document.inputs["model"].digest
    tags = {"modelyard.passed": str(passed).lower(), "modelyard.fingerprint": ctx.document.fingerprint}
    registered = registry.register(digest, ctx.inputs["model"], tags)
    known = ctx.store.get_ref(f"registry/{name}/{registered.version}") or {}
    kept_stages = stages if passed else list(known.get("stages") or ())
    record = _record(ctx, registered, scores, gates, kept_stages)
    ctx.store.put_ref(f"registry/{name}/{registered.version}", record)
    if not passed:
        raise _refused(ctx, registered.version, gates)
    registry.promote(registered.version, stages)
    for stage in stages:
        _move(ctx, name, stage, record)
    _forget_old(ctx, registry, name)
    write_json(ctx.outputs["version"] / "version.json", record)
    return StepResult({"version": float(registered.version)}, _summary(record, before, gates))


def _judged_before(ctx: StepContext, name: str) -> list[Gate]:
    """The gates as this very registration has passed them, where it was cut short or its stages were moved since.

    To judge it again would hold it against itself, or against what it is to take the stage back from.
    """
    for ref in ctx.store.list_refs(f"registry/{name}/"):
        known = ctx.store.get_ref(ref) or {}
        if known.get("passed") and known.get("fingerprint") == ctx.document.fingerprint:
            return [Gate.from_json(gate) for gate in known["gates"]]
    return []


def _names(ctx: StepContext, scores: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    gates = " ".join(ctx.config.get("gate") or ())
    return {
        "metrics": scores["metrics"],
        "champion": before.get("metrics") or {},
        "slices": scores.get("slices") or {},
        "size": _size(ctx.inputs["model"]),
        "latency": measure_latency(ctx.inputs["model"]) if "latency" in gates else {},
    }


def _size(folder: Path) -> dict[str, float]:
    """Of what is served, the ONNX file: `bytes`, and `mb` of 1,000,000."""
    count = (folder / "model.onnx").stat().st_size
    return {"bytes": float(count), "mb": count / 1e6}


def _champion(ctx: StepContext, name: str, stages: list[str]) -> dict[str, Any]:
    """The version to beat: what is in production, or in the last stage where there is no production."""
    stage = _CHAMPION if _CHAMPION in stages or not stages else stages[-1]
    return dict(ctx.store.get_ref(f"registry/{name}/{stage}") or {})


def _record(
    ctx: StepContext, registered: Registered, scores: Mapping[str, Any], gates: list[Gate], stages: list[str]
) -> dict[str, Any]:
    return {
        "name": str(ctx.config["name"]),
        "version": registered.version,
        "stages": stages,
        "passed": all(gate.passed for gate in gates),
        "gates": [gate.to_json() for gate in gates],
        "model": ctx.document.inputs["model"].digest,
        "metrics": scores["metrics"],
        "run_id": registered.run_id,
        "fingerprint": ctx.document.fingerprint,
        "reference": registered.reference,
    }


def _move(ctx: StepContext, name: str, stage: str, record: Mapping[str, Any]) -> None:
    """Put the version in the stage, and take the stage off the version that had it."""
    before = ctx.store.get_ref(f"registry/{name}/{stage}")
    if before != record:
        ctx.store.put_ref(f"registry/{name}/{stage}", record)
    if before and before["version"] != record["version"]:
        place = f"registry/{name}/{before['version']}"
        older = ctx.store.get_ref(place)
        if older:
            ctx.store.put_ref(place, {**older, "stages": [one for one in older["stages"] if one != stage]})


def _forget_old(ctx: StepContext, registry: Registry, name: str) -> None:
    """Keep the newest `keep.versions`, and whatever is in a stage."""
    keep = int((ctx.config.get("keep") or {}).get("versions", 20))
    refs = [ref.rsplit("/", 1)[1] for ref in ctx.store.list_refs(f"registry/{name}/")]
    in_stage = {(ctx.store.get_ref(f"registry/{name}/{ref}") or {}).get("version") for ref in refs if not ref.isdigit()}
    for version in sorted((int(ref) for ref in refs if ref.isdigit()), reverse=True)[keep:]:
        if version not in in_stage:
            registry.delete(version)
            ctx.store.remove_ref(f"registry/{name}/{version}")


def _refused(ctx: StepContext, version: int, gates: list[Gate]) -> ModelyardError:
    failed = [(index, gate) for index, gate in enumerate(gates) if not gate.passed]
    index, first = failed[0]
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return ModelyardError(
        f"v{version} does not pass the gate {first}{more}; nothing was promoted",
        address=f"{ctx.address}.gate[{index}]",
        fix="Train a better model, or change the gate. The version is kept, marked as rejected",
        code="gate-failed",
        details=[f"{'passed' if gate.passed else 'FAILED'}  {gate}" for gate in gates],
    )


def _summary(record: Mapping[str, Any], before: Mapping[str, Any], gates: list[Gate]) -> str:
    gated = f" passed {counted(len(gates), 'gate')}" if gates else ""
    stages = f" → {', '.join(record['stages'])}" if record["stages"] else ", in no stage"
    was = f" (was v{before['version']})" if before and before["version"] != record["version"] else ""
    return f"v{record['version']}{gated}{stages}{was}"
