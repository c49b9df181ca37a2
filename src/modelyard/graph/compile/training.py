"""`training.x`: the rows it learns from (`.features`), the training itself, and its score (`.evaluate`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelyard.errors import ModelyardError
from modelyard.graph.compile.compilation import Compilation
from modelyard.graph.compile.features import view_config
from modelyard.graph.compile.references import SPLITS
from modelyard.graph.model import CodeFile, Ref
from modelyard.spec.values import RUNNING_KEYS

if TYPE_CHECKING:
    from modelyard.spec.model.training import Training

_NOT_CONFIG = (*RUNNING_KEYS, "data", "columns", "features", "evaluate")


@dataclass(frozen=True, slots=True)
class TrainingParts:
    """What a study shares with its training."""

    config: dict[str, Any]
    evaluate: dict[str, Any]
    train: Ref
    val: Ref | None
    held_out: Ref | None
    code: tuple[CodeFile, ...]


def compile_training(out: Compilation) -> dict[str, TrainingParts]:
    """Nodes of all trainings; what studies need of them by address."""
    made: dict[str, TrainingParts] = {}
    for name in sorted(out.spec.training):
        address = f"training.{name}"
        with out.at(address):
            made[address] = _training(out, address, out.spec.training[name])
    return made


def _training(out: Compilation, address: str, training: Training) -> TrainingParts:
    kind = out.references.data_type(training.data)
    ports, held_out = learning_data(out, address, training)
    if kind == "table":
        ports = _join(out, address, training, ports, held_out)
    elif training.features or training.columns or training.target:
        word = next(word for word in ("features", "columns", "target") if getattr(training, word))
        what = f"`{word}` is for tables, and {training.data} holds {kind}"
        raise ModelyardError(what, address=f"{address}.{word}", code="not-a-table", fix="Take it away.")
    parts = TrainingParts(
        config=training.plain(*_NOT_CONFIG),
        evaluate=evaluate_config(training),
        train=ports["train"],
        val=ports.get("val"),
        held_out=ports[held_out] if held_out else None,
        code=_code(out, training),
    )
    fed = {port: ref for port, ref in ports.items() if port in {"train", "val"}}
    out.add(
        address, "train", parts.config, inputs=fed, outputs=("model", "plots"), code=parts.code,
        variant=training.engine, running=training,
    )  # fmt: skip
    add_evaluate(out, address, training, parts)
    return parts


def learning_data(out: Compilation, address: str, training: Training) -> tuple[dict[str, Ref], str | None]:
    """Ports by name, and the one that the model is scored on.

    `train`, with a split source `val` and `test`, and `evaluate` where data of its own is named for that.
    """
    at = f"{address}.data"
    named = out.references.parse(training.data)
    splits = out.references.splits(named.name) if named.section == "sources" and named.part is None else ()
    ports = {split: out.ref(f"{training.data}:{split}", at) for split in SPLITS if split in splits}
    if "train" not in ports:
        ports = {"train": out.ref(training.data, at)}
    scored_on = training.evaluate.data
    if scored_on is None or scored_on == training.data:
        return ports, next((split for split in ("test", "val") if split in ports), None)
    ref = out.ref(scored_on, f"{address}.evaluate.data")
    known = next((port for port, one in ports.items() if one == ref), None)
    return (ports, known) if known else ({**ports, "evaluate": ref}, "evaluate")


def _join(
    out: Compilation, address: str, training: Training, ports: dict[str, Ref], held_out: str | None
) -> dict[str, Ref]:
    """The node that makes rows ready to learn from; its outputs take the place of the ports."""
    node = f"{address}.features"
    source = out.references.parse(training.data)
    declared = out.spec.sources.get(source.name) if source.section == "sources" else None
    views, view_ports = _views(out, address, training)
    config: dict[str, Any] = {
        **{key: value for key, value in training.plain().items() if key in {"columns", "target"}},
        "features": views,
        "key": list(declared.key) if declared else [],
        **({"timestamp": declared.timestamp} if declared and declared.timestamp else {}),
    }
    extra = [column for column in training.evaluate.slices if column not in training.columns]
    if held_out and extra and training.columns:
        config["keep"] = {held_out: extra}  # what only the evaluation reads, and the model must not learn from
    out.add(
        node, "join", config, inputs={**ports, **view_ports}, outputs=tuple(ports), running=training,
        origins={
            "": address, "key": training.data, "timestamp": training.data, "keep": f"{address}.evaluate.slices",
            **{f"features[{index}]": f"features.{view['name']}" for index, view in enumerate(views)},
        },
    )  # fmt: skip
    return {port: Ref(node, port) for port in ports}


def _views(out: Compilation, address: str, training: Training) -> tuple[list[dict[str, Any]], dict[str, Ref]]:
    """Each view once, with the columns taken of it (all, unless `:column` names some)."""
    taken: dict[str, list[str]] = {}
    for index, text in enumerate(training.features):
        ref = out.ref(text, f"{address}.features[{index}]")
        named = out.references.parse(text)
        if named.section != "features":
            what, at = f"`{text}` is no feature view", f"{address}.features[{index}]"
            raise ModelyardError(what, address=at, code="address", fix="Name one of the section `features`.")
        columns = taken.setdefault(named.name, [])
        columns += (
            [named.part] if named.part and named.part != ref.output else list(out.spec.features[named.name].columns)
        )
    views = [
        {
            "name": name,
            "port": f"view_{name}",
            **view_config(out, out.spec.features[name]),
            "take": list(dict.fromkeys(columns)),
        }
        for name, columns in taken.items()
    ]
    return views, {f"view_{name}": Ref(f"features.{name}", "table") for name in taken}


def evaluate_config(training: Training) -> dict[str, Any]:
    """What the evaluation is told: the engine, what is predicted, and how it is scored."""
    known = training.plain()
    scoring = {key: value for key, value in known.get("evaluate", {}).items() if key in {"metrics", "slices"}}
    return {**{key: known[key] for key in ("engine", "task", "target") if key in known}, **scoring}


def add_evaluate(out: Compilation, address: str, training: Training, parts: TrainingParts, running: Any = None) -> None:
    """`<address>.evaluate`, where there is data to score the model of `address` on."""
    if parts.held_out is None:
        return
    origin = address if address.startswith("training.") else out.spec.tuning[address.partition(".")[2]].training
    out.add(
        f"{address}.evaluate", "evaluate", parts.evaluate,
        inputs={"model": Ref(address, "model"), "data": parts.held_out}, outputs=("metrics", "plots"),
        variant=training.engine, running=running or training,
        origins={"": origin, "metrics": f"{origin}.evaluate.metrics", "slices": f"{origin}.evaluate.slices"},
    )  # fmt: skip


def _code(out: Compilation, training: Training) -> tuple[CodeFile, ...]:
    finder = out.code
    if finder is None:
        return ()
    found: set[CodeFile] = set()
    if training.call:
        found.update(finder.of_call(training.call))
    if training.run:
        found.update(finder.of_command(training.run, training.params))
    if training.engine == "ultralytics" and training.model:
        found.update(finder.of_files([training.model]))
    return tuple(sorted(found, key=lambda file: file.path))
