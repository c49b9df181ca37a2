"""`registry`: who may become what, and by which rule."""

from typing import Annotated, Literal

from pydantic import Field

from modelyard.spec.forms import to_production
from modelyard.spec.model.base import ListOrOne, Name, Section, table_of
from modelyard.spec.model.running import Runnable
from modelyard.spec.model.values import Address, Cel


class PromotionRule(Section):
    """A stage that people must agree to."""

    approvals: int = Field(default=1, ge=1, description="How many people must approve.", examples=[1])
    not_by_author: bool = Field(default=False, description="The author's own approval does not count.", examples=[True])


class KeepSettings(Section):
    """What is kept of what was."""

    versions: int = Field(
        default=20, ge=1, description="The newest versions to keep; those in a stage are always kept.", examples=[20]
    )


class RegisteredModel(Runnable):
    """A named model whose versions pass gates on their way to a stage."""

    from_: Address = Field(
        alias="from", description="The training, or the study whose best trial it is.", examples=["training.late"]
    )
    gate: Annotated[tuple[Cel, ...], ListOrOne] = Field(
        default=(),
        description="CEL over metrics, champion, slices, size, latency; each must be true.",
        examples=[["metrics.roc_auc >= 0.70"]],
    )
    promote: dict[Name, Literal["auto"] | PromotionRule] = Field(
        default_factory=to_production,
        description="The stages it goes to once the gates are passed: stage to rule.",
        examples=[{"staging": "auto"}],
    )
    keep: Annotated[KeepSettings, table_of("versions")] = Field(
        default_factory=KeepSettings, description="How many versions to keep.", examples=[{"versions": 20}]
    )
