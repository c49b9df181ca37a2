"""Images of others: taken from a registry where the engine has them not."""

from modelyard.errors import ModelyardError
from modelyard.targets.base import OnEvent
from modelyard.targets.docker.engine import Engine


def pull_missing(engine: Engine, image: str, on_event: OnEvent) -> None:
    """Raises ModelyardError, code `no-image`."""
    from docker.errors import APIError

    if engine.has_image(image):
        return
    on_event({"event": "note", "text": f"pulling {image}"})
    try:
        for line in engine.api.pull(image, stream=True, decode=True):
            if "error" in line:
                raise _not_to_be_had(image, str(line["error"]))
            text = " ".join(str(line[key]) for key in ("status", "progress") if line.get(key))
            on_event({"event": "progress", "done": 0, "total": 0, "text": f"{image}: {text}"})
    except APIError as error:
        raise _not_to_be_had(image, str(error.explanation or error)) from error


def _not_to_be_had(image: str, why: str) -> ModelyardError:
    first = (why.strip() or "no reason told").splitlines()[0][:200]
    fix = "see to the network, `docker login`, or name another image under `target.compose`"
    return ModelyardError(f"the image {image} is not to be had: {first}", fix=fix, code="no-image")
