"""`training`: a model from data, and its score on data it has not seen."""

from typing import Annotated, Any, Literal

from pydantic import Field

from modelyard.spec.forms import target_column
from modelyard.spec.model.base import Json, ListOrOne, Section, Widened, table_of
from modelyard.spec.model.running import Runnable
from modelyard.spec.model.values import Address, Argv, Call, Text

Task = Literal["detect", "classify", "regress"]


class TargetColumn(Section):
    """What is to be predicted: a column, or an SQL expression with a name of your own."""

    name: str = Field(
        min_length=1,
        description="The target's name; written as the key, as in `{late: arr_delay > 15}`.",
        examples=["late"],
    )
    sql: str = Field(
        min_length=1, description="A column, or an SQL expression over columns.", examples=["arr_delay > 15"]
    )


class EvaluateSettings(Section):
    """How the trained model is scored."""

    data: Address | None = Field(
        default=None,
        description="Held-out data; without it the source's `test`, else its `val` split.",
        examples=["sources.flights:test"],
    )
    metrics: Annotated[tuple[str, ...], ListOrOne] = Field(
        default=(),
        description="The metrics to record; without it all that the task has.",
        examples=[["roc_auc", "log_loss"]],
    )
    slices: Annotated[tuple[str, ...], ListOrOne] = Field(
        default=(), description="Columns by whose values the metrics are told apart.", examples=[["carrier"]]
    )


def _written(long: Json) -> Json:
    named = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": {"type": ["string", "null"]},
    }
    return {"anyOf": [{"type": "string", "minLength": 1}, named]}


class Training(Runnable):
    """One model, trained by an engine that is given its own parameters by their own names."""

    data: Address = Field(description="The source, or the step's output, to learn from.", examples=["sources.flights"])
    engine: str = Field(description="Who trains: ultralytics, sklearn, torch, command.", examples=["sklearn"])
    task: Task | None = Field(
        default=None,
        description="What is learnt; known from the engine and the model except for torch and command.",
        examples=["classify"],
    )
    model: str | None = Field(
        default=None,
        min_length=1,
        description="ultralytics: a model file; sklearn: an estimator's class.",
        examples=["yolov8n.yaml", "HistGradientBoostingClassifier"],
    )
    call: Call | None = Field(
        default=None,
        description="torch: the function that trains and gives the module back, module:function.",
        examples=["train:fit"],
    )
    run: Argv | None = Field(
        default=None,
        description="command: the command that leaves `model.onnx` in `${outputs.model}`.",
        examples=["python train.py --data ${inputs.train} --out ${outputs.model}"],
    )
    env: dict[str, Text] = Field(
        default_factory=dict,
        description="command: environment variables.",
        examples=[{"HF_TOKEN": "${secret.HF_TOKEN}"}],
    )
    columns: Annotated[tuple[str, ...], ListOrOne] = Field(
        default=(),
        description="Tables: the columns to learn from; without it all but key, timestamp and target.",
        examples=[["carrier", "distance"]],
    )
    features: Annotated[tuple[Address, ...], ListOrOne] = Field(
        default=(),
        description="Feature views to join, as known at each row's time; `:name` takes one column.",
        examples=[["features.weather"]],
    )
    target: Annotated[TargetColumn | None, Widened(target_column, _written, instead=True)] = Field(
        default=None,
        description="Tables: what to predict: a column, or a name with an SQL expression.",
        examples=[{"late": "arr_delay > 15"}],
    )
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="The engine's parameters, by its own names.",
        examples=[{"epochs": 15, "imgsz": 160}],
    )
    seed: int = Field(default=0, ge=0, description="The seed of all chance in it.", examples=[7])
    evaluate: Annotated[EvaluateSettings, table_of("data")] = Field(
        default_factory=EvaluateSettings,
        description="How it is scored: an address, or a table.",
        examples=[{"data": "sources.flights:test", "metrics": ["roc_auc"]}],
    )
