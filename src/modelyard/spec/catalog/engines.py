"""Training engines: what each needs, what its parameters are called, and what its models do."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """`needs` keys must be written, `own` keys are only for this engine; `learns_from` are types of data.

    `managed` parameters are set by Modelyard from another key, named here.
    """

    needs: tuple[str, ...]
    own: tuple[str, ...]
    learns_from: tuple[str, ...]
    managed: tuple[tuple[str, str], ...] = ()


ENGINES = {
    "ultralytics": EngineFacts(
        needs=("model",), own=("model",), learns_from=("images",),
        managed=(
            ("data", "data"), ("model", "model"), ("seed", "seed"), ("task", "task"), ("mode", ""), ("project", ""),
            ("name", ""), ("exist_ok", ""), ("resume", ""), ("val", ""), ("plots", ""), ("save", ""), ("verbose", ""),
            ("cfg", "params"), ("source", "data"), ("split", "evaluate"), ("format", ""),
        ),
    ),
    "sklearn": EngineFacts(
        needs=("model", "target"), own=("model",), learns_from=("table",), managed=(("random_state", "seed"),)
    ),
    "torch": EngineFacts(needs=("call",), own=("call",), learns_from=("files", "images", "table")),
    "command": EngineFacts(needs=("run",), own=("run", "env"), learns_from=("files", "images", "table")),
}  # fmt: skip
ONLY_SOME = ("model", "call", "run", "env")
"""Keys of a training that only some engines take."""

TOGETHER = ("torch", "command")
"""Engines that train on several machines, or GPUs, as one: those that torchrun's environment reaches."""

_GROUP = "modelyard.engines"


def engine_facts(name: str) -> EngineFacts | None:
    """What is known of an engine: of one that an installed package brings, that it takes any key and any data."""
    return ENGINES.get(name) or _engines_of_packages().get(name)


def engine_names() -> tuple[str, ...]:
    """Ours, and those that installed packages bring."""
    return (*ENGINES, *(name for name in _engines_of_packages() if name not in ENGINES))


@cache
def _engines_of_packages() -> Mapping[str, EngineFacts]:
    from importlib.metadata import entry_points  # 20 ms, which a spec with our own engines does not pay

    facts = EngineFacts(needs=(), own=ONLY_SOME, learns_from=("files", "images", "table"))
    return {point.name: facts for point in sorted(entry_points(group=_GROUP), key=lambda point: point.name)}


def parameters(engine: str, model: str | None) -> tuple[str, ...] | None:
    """The names an engine's `params` may have; None where they are the user's own code's."""
    if engine == "ultralytics":
        from modelyard.spec.catalog.ultralytics_names import PARAMETERS

        managed = {name for name, _ in ENGINES[engine].managed}
        return tuple(name for name in PARAMETERS if name not in managed)
    if engine == "sklearn":
        from modelyard.spec.catalog.sklearn_names import ESTIMATORS

        known = ESTIMATORS.get(model or "")
        return tuple(name for name in known[1].split() if name != "random_state") if known else None
    return None


def models(engine: str) -> tuple[str, ...] | None:
    """The names that `model` may have; None where any will do."""
    if engine == "sklearn":
        from modelyard.spec.catalog.sklearn_names import ESTIMATORS

        return tuple(ESTIMATORS)
    return None


def task(engine: str, model: str | None, declared: str | None) -> str | None:
    """What a training learns: detect, classify or regress; None where only its code knows."""
    if engine == "ultralytics":
        return "classify" if "-cls" in (model or "") else "detect"
    if engine == "sklearn":
        from modelyard.spec.catalog.sklearn_names import ESTIMATORS

        known = ESTIMATORS.get(model or "")
        return known[0] if known else declared
    return declared
