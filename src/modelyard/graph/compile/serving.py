"""`serving.x`: a server that follows a registered model, or holds on to one version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelyard.errors import ModelyardError
from modelyard.graph.compile.compilation import Compilation
from modelyard.spec.values import RUNNING_KEYS

if TYPE_CHECKING:
    from modelyard.spec.model.serving import Endpoint

DEFAULT_STAGE = "production"


def compile_serving(out: Compilation) -> None:
    for name in sorted(out.spec.serving):
        address = f"serving.{name}"
        with out.at(address):
            _endpoint(out, address, out.spec.serving[name])


def _endpoint(out: Compilation, address: str, endpoint: Endpoint) -> None:
    at = f"{address}.model"
    named = out.references.parse(endpoint.model)
    if named.section != "registry":
        fix = "Register it under `registry:` and name that, so that every version served has passed its gates."
        raise ModelyardError(f"`{endpoint.model}` is no registered model", address=at, code="address", fix=fix)
    model = out.spec.registry[named.name]
    pinned = int(named.version) if named.version and named.version.isdigit() else None
    stage = None if pinned else named.version or DEFAULT_STAGE
    if stage and stage not in model.promote:
        fix = f"It goes to: {', '.join(model.promote) or 'no stage'}."
        raise ModelyardError(f"{named.node} is never promoted to `{stage}`", address=at, code="stage", fix=fix)
    where: dict[str, Any] = {"version": pinned} if pinned else {"stage": stage}
    config = {**endpoint.plain(*RUNNING_KEYS), "model": named.name, **where, **_known_of_model(out, model.from_)}
    # Elsewhere a server looks for itself; a model that Seldon loads is the one that the last run has named.
    named_by_run = _loaded_by_seldon(out)
    version = out.ref(endpoint.model, at, follow=not named_by_run)
    inputs = {} if pinned and not named_by_run else {"version": version}
    after = (named.node,) if pinned else ()
    out.add(
        address, "serve", config, inputs=inputs, role="service", running=endpoint, after=after,
        origins={"": address, "stage": at, "version": at, "engine": named.node, "task": named.node},
    )  # fmt: skip


def _loaded_by_seldon(out: Compilation) -> bool:
    cluster = out.spec.target.kubernetes
    return cluster is not None and cluster.operators.serving == "seldon-v2"


def _known_of_model(out: Compilation, source: str) -> dict[str, Any]:
    """What is known of a model before it is trained."""
    named = out.references.parse(source)
    if named.section == "tuning":
        named = out.references.parse(out.spec.tuning[named.name].training)
    training = out.spec.training.get(named.name)
    if training is None:
        return {}
    task = {"task": training.task} if training.task else {}
    return {"engine": training.engine, **task}
