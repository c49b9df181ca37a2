"""A stand-in for Seldon Core 2: it does with a Model what Seldon's agent, rclone and Triton do."""

import shutil
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import fsspec
import onnxruntime

from cluster import ApiServer
from cluster.refusals import Refusal


class Seldon:
    """Loads each Model once a generation. It tells no generation, as Seldon does: its last word stays till the next."""

    def __init__(self, server: ApiServer, repository: Path, namespace: str = "ml") -> None:
        self.server, self.repository, self.namespace = server, repository, namespace
        self.sessions: dict[str, onnxruntime.InferenceSession] = {}
        self.seen: dict[str, int] = {}
        self._moment = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow)

    def __enter__(self) -> "Seldon":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def ask(self, name: str, feeds: dict[str, Any]) -> dict[str, Any]:
        session = self.sessions[name]
        names = [one.name for one in session.get_outputs()]
        return dict(zip(names, session.run(names, feeds), strict=True))

    def _follow(self) -> None:
        while not self._done.wait(0.2):
            models = {one["metadata"]["name"]: one for one in self.server.objects.listed("Model", self.namespace)}
            for gone in self.sessions.keys() - models.keys():
                del self.sessions[gone]
            for name, model in models.items():
                generation = model["metadata"].get("generation", 1)
                if self.seen.get(name) != generation:
                    self.seen[name] = generation
                    self._load(name, model["spec"], generation)

    def _load(self, name: str, spec: dict[str, Any], generation: int) -> None:
        self._say(name, generation, "False", "ModelProgressing")
        self._done.wait(0.5)
        try:
            folder = self._copied(name, spec["storageUri"], generation)
            config = (folder / "config.pbtxt").read_text()
            assert 'backend: "onnxruntime"' in config
            self.sessions[name] = onnxruntime.InferenceSession(str(folder / str(generation) / "model.onnx"))
        except Exception as error:  # noqa: BLE001 - the agent tells it all the same way
            self._say(name, generation, "False", "ModelFailed", f"{type(error).__name__}: {error}")
            return
        self._say(name, generation, "True", "ModelAvailable")

    def _copied(self, name: str, uri: str, generation: int) -> Path:
        """As rclone and the agent leave it: the highest version under the generation's number, the config beside."""
        files, path = fsspec.core.url_to_fs(uri)
        arrived = self.repository / "rclone" / f"{name}-{generation}"
        files.get(path.rstrip("/") + "/", str(arrived), recursive=True)
        numbers = [int(one.name) for one in arrived.iterdir() if one.is_dir() and one.name.isdigit()]
        folder = self.repository / "models" / name
        shutil.copytree(arrived / str(max(numbers)), folder / str(generation))
        shutil.copy(arrived / "config.pbtxt", folder / "config.pbtxt")
        return folder

    def _say(self, name: str, generation: int, status: str, message: str, reason: str = "") -> None:
        """Of the generation that is there, and of no older one."""
        now = {one["metadata"]["name"]: one["metadata"] for one in self.server.objects.listed("Model", self.namespace)}
        if now.get(name, {}).get("generation", 1) != generation:
            return
        self._moment += 1
        moment = f"2026-01-01T00:00:{self._moment % 60:02d}Z"
        word = {"status": status, "message": message, "reason": reason, "lastTransitionTime": moment}
        conditions = [{"type": "ModelReady", **word}, {"type": "Ready", **word}]
        with suppress(Refusal):  # it is gone
            self.server.objects.set_status("Model", self.namespace, name, {"conditions": conditions})
