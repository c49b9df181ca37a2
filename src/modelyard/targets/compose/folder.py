"""The working folder of a Compose project, `.modelyard/compose/<environment>`: rendered files, and what is deployed."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from modelyard.files import write_whole
from modelyard.targets.compose.definition import Service
from modelyard.task import TaskDocument

_DEPLOYED = "deployed"


class ComposeFolder:
    """What is deployed is one file a service; `compose.yaml` is written from these and never read back."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def deployed(self) -> dict[str, tuple[Service, TaskDocument]]:
        """By address. A file that cannot be read counts as none: the next apply writes it anew."""
        found = {}
        for path in sorted((self.path / _DEPLOYED).glob("*.json")):
            with suppress(OSError, ValueError, KeyError, TypeError):
                data = json.loads(path.read_text())
                service = Service.from_json(data["service"])
                found[service.address] = (service, TaskDocument.from_json(data["document"]))
        return found

    def keep(self, service: Service, document: TaskDocument) -> None:
        data = {"service": service.to_json(), "document": document.to_json()}
        self._write(f"{_DEPLOYED}/{service.address}.json", json.dumps(data, indent=1, default=dict).encode())

    def forget(self, address: str) -> None:
        for name in (f"{_DEPLOYED}/{address}.json", f"nodes/{address}.json"):
            (self.path / name).unlink(missing_ok=True)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Make the folder hold these files; a build context holds nothing else. What is the same stays untouched."""
        images = self.path / "images"
        kept = {self.path / name for name in files}
        for path in sorted(images.rglob("*"), reverse=True) if images.is_dir() else ():
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
            elif not path.is_dir() and path not in kept:
                path.unlink()
        for name, content in files.items():
            self._write(name, content)

    def _write(self, name: str, content: bytes) -> None:
        path = self.path / name
        with suppress(OSError):
            if path.read_bytes() == content:
                return
        write_whole(path, content, mode=0o644)  # containers read it as another user
