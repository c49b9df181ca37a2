"""What goes wrong with a Docker engine, in one line each with what to do."""

from typing import Any

from modelyard.errors import ModelyardError

_GOES_ON = "apply again: it goes on from here"


def no_engine(error: Exception) -> ModelyardError:
    """Of an engine that did not answer."""
    text = str(error)
    if "Permission denied" in text or "PermissionError" in text:
        return ModelyardError(
            "this user may not talk to the Docker engine", code="no-engine",
            fix="add yourself to the group `docker` (`sudo usermod -aG docker $USER`), and log in anew",
        )  # fmt: skip
    return ModelyardError(
        "no Docker engine answers", code="no-engine", details=[text[:300]],
        fix="start Docker (`sudo systemctl start docker`), or name another `context` under `target.compose`",
    )  # fmt: skip


def engine_error(error: Exception) -> ModelyardError:
    """Of an engine that refused what it was asked for, or is not there any more."""
    from docker.errors import APIError

    if not isinstance(error, APIError):
        return no_engine(error)
    said = _said(error)
    if "no space left on device" in said:
        fix = f"free some space (`docker system df` shows what takes it) and {_GOES_ON}"
        return ModelyardError("the Docker engine's disk is full", fix=fix, code="disk-full")
    if "bind source path does not exist" in said:
        fix = "use an engine of this machine, and on Docker Desktop share the project's folder with it"
        return ModelyardError(f"the Docker engine does not see this machine's files: {said}", fix=fix, code="no-files")
    if error.status_code == 404 and "o such image" in said:
        fix = "apply again: it is built anew"
        return ModelyardError("its image was removed while it was about to start", fix=fix, code="cannot-start")
    if "could not select device driver" in said:
        return no_gpus(said)
    return ModelyardError(f"the Docker engine refuses: {said}", code="cannot-start")


def no_gpus(said: str) -> ModelyardError:
    fix = "install NVIDIA's container toolkit, or ask for no GPU"
    return ModelyardError(f"this Docker engine gives no GPU: {said}", fix=fix, code="does-not-fit")


def lost(error: Exception) -> ModelyardError:
    """Of a container that ran a moment ago, and of which the engine does not tell how it ended."""
    if getattr(error, "status_code", None) in (404, 409):
        return ModelyardError("its container was removed while it ran", fix=_GOES_ON, code="container-removed")
    return ModelyardError(
        "the Docker engine went away while it ran", fix=f"start Docker and {_GOES_ON}", code="no-engine"
    )


def _said(error: Any) -> str:
    """The engine's own words, without the request that they answer."""
    words = str(error.explanation or error).strip() or str(error)
    return words.splitlines()[0][:300]
