"""MLflow's model registry, by what Modelyard asks of it: versions found by content, stages as aliases."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.task import TaskDocument
from modelyard.tracking.place import place_of
from modelyard.tracking.recorder import run_tags
from modelyard.tracking.runs import MODEL, Runs


@dataclass(frozen=True)
class Registered:
    """One version in MLflow; `reference` is the digest of the data that it was trained on, where that is known."""

    version: int
    run_id: str
    reference: str | None


class Registry:
    """One registered model. Every verb may be repeated: after a kill in between, the next try finds what is there.

    Raises ModelyardError where the server does not answer or refuses.
    """

    def __init__(self, document: TaskDocument, name: str) -> None:
        self._document = document
        self._name = name
        self._uri = "MLflow"
        with _told(self._uri):
            place = place_of(document)
            self._uri = place.uri
            self._runs = Runs(place)

    def register(self, digest: str, folder: Path, tags: Mapping[str, str]) -> Registered:
        """The version with that content: found, or made now."""
        with _told(self._uri):
            self._create_model()
            found = self._find(digest)
            if found is None:
                run, logged = self._run_with_model(digest, folder)
                # not `models:/<id>`: that is looked up at the process's own tracking URI, not at this client's
                source = self._runs.client.get_logged_model(logged).artifact_location
                found = self._runs.client.create_model_version(
                    self._name, source, run_id=run, tags={**tags, MODEL: digest}, model_id=logged
                )
            for name, value in tags.items():
                self._runs.client.set_model_version_tag(self._name, str(found.version), name, value)
            reference = self._runs.client.get_run(found.run_id).data.tags.get("modelyard.input.train")
            return Registered(int(found.version), str(found.run_id), reference)

    def promote(self, version: int, stages: Iterable[str]) -> None:
        with _told(self._uri):
            for stage in stages:
                self._runs.client.set_registered_model_alias(self._name, stage, str(version))

    def delete(self, version: int) -> None:
        """Take a version away. One that is not there is no error."""
        from mlflow.exceptions import MlflowException

        with _told(self._uri):
            try:
                self._runs.client.delete_model_version(self._name, str(version))
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise

    def _create_model(self) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._runs.client.create_registered_model(self._name, tags={"modelyard.project": self._document.project})
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _find(self, digest: str) -> Any:
        found = self._runs.client.search_model_versions(f"name = '{self._name}' and tags.`{MODEL}` = '{digest}'")
        return min(found, key=lambda one: int(one.version), default=None)

    def _run_with_model(self, digest: str, folder: Path) -> tuple[str, str]:
        """The run that made the model, or a new one: the server may be another, or may have been down then."""
        from modelyard.tracking.models import log_model

        run = self._runs.with_model(digest)
        if run is not None:
            logged = self._runs.client.get_run(run).data.tags.get("modelyard.logged_model")
            if logged:
                return run, logged
        run = self._runs.start(self._name, run_tags(self._document))
        logged = log_model(self._runs, run, folder, digest)
        self._runs.finish(run, "FINISHED")
        return run, logged


class _told:  # noqa: N801 - reads as a word
    """Turns what MLflow and its database raise into one sentence."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception) and not isinstance(error, ModelyardError):
            text = " ".join(str(error).split())[:300] or type(error).__name__
            raise ModelyardError(
                f"the model registry does not do it: {text}",
                fix="The registry needs its tracking server: see `tracking.uri`, and `modelyard doctor`",
                code="registry-failed",
            ) from error
