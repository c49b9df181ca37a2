"""The whole of `mlops.yaml`, after overlays and variables, in its long form."""

from typing import Annotated, Any, Literal

from pydantic import Field

from modelyard.spec.forms import local_target, version_number
from modelyard.spec.model.base import ListOrOne, Name, Parsed, Section
from modelyard.spec.model.expectations import Expectation
from modelyard.spec.model.features import FeatureView
from modelyard.spec.model.monitoring import Monitor
from modelyard.spec.model.pipeline import Notification, Pipeline, Policy
from modelyard.spec.model.places import (
    SecretPlace,
    StateSettings,
    StateTable,
    StoreSettings,
    StoreTable,
    Tracking,
    TrackingTable,
)  # fmt: skip
from modelyard.spec.model.registry import RegisteredModel
from modelyard.spec.model.running import Runtime
from modelyard.spec.model.serving import Endpoint
from modelyard.spec.model.sources import Source
from modelyard.spec.model.steps import Step
from modelyard.spec.model.targets import TargetTable
from modelyard.spec.model.training import Training
from modelyard.spec.model.tuning import Study
from modelyard.spec.model.variables import Variable


class Spec(Section):
    """One project: from its data to its alerts."""

    version: Annotated[Literal[1], Parsed(version_number, {"const": 1, "type": "integer"})] = Field(
        description="The version of this language.", examples=[1]
    )
    project: Name = Field(description="The project's name.", examples=["digits"])
    extends: Annotated[tuple[str, ...], ListOrOne] = Field(
        default=(),
        description="Specs that this one is laid over: shipped ones as `modelyard:name`, or paths.",
        examples=[["modelyard:startup"]],
    )
    variables: dict[Name, Variable] = Field(
        default_factory=dict,
        description="What the spec leaves open, as `${var.name}`.",
        examples=[{"trees": {"type": "int", "default": 200}}],
    )
    steps: dict[Name, Step] = Field(
        default_factory=dict,
        description="Your own code as tasks of the graph.",
        examples=[{"scenes": {"run": "python scenes.py ${outputs.dir}", "outputs": {"dir": {"type": "files"}}}}],
    )
    sources: dict[Name, Source] = Field(
        default_factory=dict,
        description="Data under version.",
        examples=[{"flights": {"type": "table", "path": "data/flights.csv"}}],
    )
    expectations: dict[Name, Expectation] = Field(
        default_factory=dict,
        description="What must hold of data before anyone reads it.",
        examples=[
            {
                "flights": {
                    "data": "sources.flights",
                    "expect": [{"expect_column_values_to_not_be_null": {"column": "carrier"}}],
                }
            }
        ],
    )
    features: dict[Name, FeatureView] = Field(
        default_factory=dict,
        description="Features by entity and time.",
        examples=[{"weather": {"source": "sources.weather", "entity": ["origin"], "columns": {"temp": "temp"}}}],
    )
    training: dict[Name, Training] = Field(
        default_factory=dict,
        description="Models from data.",
        examples=[{"detector": {"data": "sources.scenes", "engine": "ultralytics", "model": "yolov8n.yaml"}}],
    )
    tuning: dict[Name, Study] = Field(
        default_factory=dict,
        description="Studies over the parameters of trainings.",
        examples=[{"late": {"training": "training.late", "maximize": "roc_auc", "space": {"max_iter": [100, 200]}}}],
    )
    registry: dict[Name, RegisteredModel] = Field(
        default_factory=dict,
        description="Named models with gates and stages.",
        examples=[{"digits": {"from": "training.detector", "gate": ["metrics.mAP50 >= 0.85"]}}],
    )
    serving: dict[Name, Endpoint] = Field(
        default_factory=dict,
        description="Models behind HTTP.",
        examples=[{"api": {"model": "registry.digits", "port": 8080}}],
    )
    monitoring: dict[Name, Monitor] = Field(
        default_factory=dict,
        description="Checks on what servers are sent.",
        examples=[
            {"drift": {"data": "serving.api", "reference": "sources.flights:train", "checks": ["DataDriftPreset"]}}
        ],
    )
    pipeline: Pipeline = Field(default_factory=Pipeline, description="How runs behave.", examples=[{"concurrency": 1}])
    notifications: dict[Name, Notification] = Field(
        default_factory=dict, description="Where messages go.", examples=[{"ops": {"url": "${secret.OPS_URL}"}}]
    )
    runtime: Runtime = Field(
        default_factory=Runtime, description="Python and packages of all nodes.", examples=[{"python": "3.11"}]
    )
    tracking: TrackingTable = Field(
        default_factory=Tracking,
        description="Where runs and models are recorded.",
        examples=[{"uri": "sqlite:///.modelyard/mlflow.db"}],
    )
    store: StoreTable = Field(
        default_factory=StoreSettings,
        description="Where data and models are kept.",
        examples=[{"path": ".modelyard/store"}],
    )
    state: StateTable = Field(
        default_factory=StateSettings,
        description="Where it is recorded what has been applied.",
        examples=[{"uri": "sqlite:///.modelyard/state.db"}],
    )
    secrets: dict[str, SecretPlace] = Field(
        default_factory=dict,
        description="Where secrets live that are no environment variable of their name.",
        examples=[{"OPS_URL": {"file": "/run/secrets/ops_url"}}],
    )
    policies: dict[Name, Policy] = Field(
        default_factory=dict,
        description="Rules over the plan.",
        examples=[{"gpu_budget": {"deny": "plan.gpu_hours > 8"}}],
    )
    target: TargetTable = Field(
        default_factory=local_target,
        validate_default=True,
        description="Where the graph runs: a name, or a name with its settings.",
        examples=["local"],
    )
    environments: dict[Name, dict[str, Any]] = Field(
        default_factory=dict,
        description="Laid over the rest by `-e name`: maps merge, lists replace, null removes.",
        examples=[{"dev": {"target": "local"}}],
    )
