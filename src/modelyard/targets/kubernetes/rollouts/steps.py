"""`serving.*.rollout` as the run follows it: shares of the requests, the time between them, what sends back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from modelyard.cel import evaluate
from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.rollouts.measuring import Measured


@dataclass(frozen=True, slots=True)
class Rollout:
    """`steps` in percent, each larger than the one before; `every` in seconds."""

    steps: tuple[int, ...]
    every: float
    back_if: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Rollout":
        """Of a serving node's config, which has one."""
        told = config["rollout"]
        steps = tuple(round(float(share) * 100) for share in told["steps"])
        return cls(steps, float(told.get("every", 600.0)), tuple(told.get("back_if", ())))

    @property
    def first(self) -> int:
        return self.steps[0]

    def beginning_at(self, percent: int | None) -> int:
        """The step that a rollout which was broken off goes on with: steps may have changed since."""
        return next((step for step in self.steps if percent and step >= percent), self.first)

    def after(self, percent: int) -> int | None:
        """None: all of the requests."""
        return next((step for step in self.steps if step > percent), None)

    def broken(self, measured: Measured) -> str | None:
        """The first condition that holds, with the values of what it names. Raises ModelyardError."""
        known = asdict(measured)
        for condition in self.back_if:
            try:
                holds = evaluate(condition, known)
            except (ValueError, KeyError, TypeError, RuntimeError) as error:
                raise ModelyardError(f"`{condition}` cannot be told: {error}", code="condition") from error
            if holds is True:
                named = [f"{name} = {value:.4g}" for name, value in known.items() if name in condition]
                return f"{condition} held ({', '.join(named)})"
        return None
