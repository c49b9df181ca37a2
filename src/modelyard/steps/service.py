"""`command` as a service: a program of the user's that goes on until it is told to end."""

from collections.abc import Mapping
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.steps.base import StepContext, StepResult
from modelyard.steps.command import environment_of, shown_as, start
from modelyard.steps.filling import fill


def serve(context: StepContext) -> StepResult:
    """Run `config.run` until SIGTERM. `${params.port}` and the variable `PORT` are the port that it is to listen on."""
    port = context.config.get("port")
    params: Mapping[str, Any] = {**(context.config.get("params") or {}), **({"port": port} if port else {})}
    names: dict[str, Any] = {"inputs": context.inputs, "params": params}
    argv = [fill(part, names, context.address) for part in context.config["run"]]
    environment = environment_of(context, names)
    if port:
        environment["PORT"] = str(port)
    shown = shown_as(context.config["run"])
    code = start(argv, environment, context.root, shown).wait()
    raise ModelyardError(f"`{shown}` ended with exit code {code}", code="service-ended")
