"""`registry.x`: a model's next version, its gates and the stages that it goes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.errors import ModelyardError
from modelyard.graph.compile.compilation import Compilation
from modelyard.graph.model import Ref
from modelyard.spec.values import RUNNING_KEYS

if TYPE_CHECKING:
    from modelyard.spec.model.registry import RegisteredModel
    from modelyard.spec.model.training import Training


def compile_registry(out: Compilation) -> None:
    for name in sorted(out.spec.registry):
        address = f"registry.{name}"
        with out.at(address):
            _registered(out, address, name, out.spec.registry[name])


def _registered(out: Compilation, address: str, name: str, model: RegisteredModel) -> None:
    at = f"{address}.from"
    with_model = out.references.parse(model.from_)
    if with_model.section not in {"training", "tuning"}:
        fix = "Name a training, or a study whose best trial it is."
        raise ModelyardError(f"`{model.from_}` makes no model", address=at, code="address", fix=fix)
    scored = f"{with_model.node}.evaluate"
    if with_model.node not in out.nodes:
        return  # its own mistake has been told
    if scored not in out.nodes:
        raise ModelyardError(
            f"{with_model.node} is scored on nothing, so no version of it can be judged",
            address=at, code="no-evaluation",
            fix="Name held-out data in its `evaluate: {data: …}`, or give its source a `split`.",
        )  # fmt: skip
    training = _training_of(out, with_model.section, with_model.name)
    config = {"name": name, **model.plain(*RUNNING_KEYS, "from_"), "metrics": list(training.evaluate.metrics)}
    inputs = {"model": out.ref(model.from_, at), "metrics": Ref(scored, "metrics")}
    out.add(
        address, "register", config, inputs=inputs, outputs=("version",), running=model,
        origins={"": address, "metrics": f"training.{with_model.name}.evaluate.metrics"},
    )  # fmt: skip


def _training_of(out: Compilation, section: str, name: str) -> Training:
    if section == "tuning":
        name = out.references.parse(out.spec.tuning[name].training).name
    return out.spec.training[name]
