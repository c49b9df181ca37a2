"""`tuning`: a study whose trials are trainings with other parameters."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from modelyard.spec.forms import gather_objectives, search_range
from modelyard.spec.model.base import Json, Section, Widened
from modelyard.spec.model.running import Runnable
from modelyard.spec.model.values import Address, Duration


class RangeSettings(Section):
    """Where one parameter is looked for: `from` … `to`, or `choices`."""

    from_: float | int | None = Field(
        default=None, alias="from", description="The smallest value. Whole numbers give whole numbers.", examples=[0.01]
    )
    to: float | int | None = Field(default=None, description="The largest value.", examples=[0.3])
    log: bool = Field(default=False, description="Look on a logarithmic scale.", examples=[True])
    step: Annotated[float, Field(gt=0)] | Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="Only every so-many-th value.", examples=[8]
    )
    whole: bool | None = Field(
        default=None, alias="int", description="Whole numbers only; known from `from` and `to`.", examples=[True]
    )
    choices: tuple[Any, ...] | None = Field(
        default=None, min_length=1, description="One of these; written as the list itself.", examples=[[0, 0.1, 1]]
    )


def _written(long: Json) -> Json:
    return {"type": "array", "minItems": 1, "items": {}}


Range = Annotated[RangeSettings, Widened(search_range, _written)]


class StudyBudget(Section):
    """When the study ends: at whichever bound comes first."""

    trials: int = Field(default=20, ge=1, description="Trials in all.", examples=[40])
    time: Duration | None = Field(default=None, description="No trial starts after this long.", examples=["30m"])
    parallel: int = Field(default=1, ge=1, description="Trials at once.", examples=[2])


class Study(Runnable):
    """The best parameters of a training, found by Optuna. Trials are scored on the `val` split."""

    training: Address = Field(description="The training whose parameters are varied.", examples=["training.late"])
    maximize: str | None = Field(default=None, description="The metric to make large.", examples=["roc_auc"])
    minimize: str | None = Field(default=None, description="The metric to make small.", examples=["log_loss"])
    objectives: dict[str, Literal["maximize", "minimize"]] = Field(
        default_factory=dict,
        description="Several metrics at once, each with its direction.",
        examples=[{"roc_auc": "maximize", "log_loss": "minimize"}],
    )
    space: dict[str, Range] = Field(
        min_length=1,
        description="The parameters to vary: a range, or a list of choices.",
        examples=[{"learning_rate": {"from": 0.01, "to": 0.3, "log": True}}],
    )
    sampler: Literal["tpe", "random", "grid", "cmaes", "gp", "qmc", "nsgaii", "nsgaiii"] = Field(
        default="tpe", description="Optuna's sampler.", examples=["random"]
    )
    pruner: Literal[
        "none", "median", "hyperband", "successive_halving", "percentile", "threshold", "patient", "wilcoxon"
    ] = Field(
        default="none", description="Optuna's pruner: ends a trial early that will not win.", examples=["hyperband"]
    )
    budget: StudyBudget = Field(
        default_factory=StudyBudget,
        description="How much may be tried.",
        examples=[{"trials": 40, "time": "30m", "parallel": 2}],
    )
    seed: int = Field(default=0, ge=0, description="The seed of the sampler.", examples=[7])

    _gather = model_validator(mode="before")(gather_objectives)
