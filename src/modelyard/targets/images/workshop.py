"""Where images are built that no rendered folder of a target holds: their contexts, and what Compose needs to build."""

import json
import shutil
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.files import write_whole
from modelyard.targets.base import OnEvent
from modelyard.targets.docker.compose_cli import ComposeCli
from modelyard.targets.docker.engine import Engine
from modelyard.targets.images import Image
from modelyard.targets.images.building import REVISION, build
from modelyard.targets.images.pip_settings import CERTIFICATES, CONF, NETRC, NETWORK


@dataclass(frozen=True)
class Workshop:
    """`root` is where the project's code lies in the images; `base` what they start from."""

    folder: Path
    compose_name: str
    root: str
    base: str

    def build(
        self, engine: Engine, images: Sequence[Image], on_event: OnEvent, cancel: threading.Event,
        context: str | None = None,
    ) -> None:  # fmt: skip
        """Build those that the engine has not. Raises ModelyardError."""
        self._write(images)
        build(ComposeCli(self, context), engine, self.root, images, on_event, cancel)

    def _write(self, images: Iterable[Image]) -> None:
        contexts = self.folder / "images"
        shutil.rmtree(contexts, ignore_errors=True)  # a context holds nothing else
        for image in images:
            for path, content in image.files.items():
                write_whole(contexts / image.role / path, content, mode=0o644)
        text = json.dumps(self.definition(images), indent=1)
        write_whole(self.folder / "compose.yaml", f"{text}\n".encode(), mode=0o644)

    def definition(self, images: Iterable[Image]) -> Mapping[str, Any]:
        """`compose.yaml`, whose variables are those that a build is given."""
        arguments = {"BASE": self.base, "ROOT": self.root, "REVISION": f"${{{REVISION}:-}}"}
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"))
        secrets = {"pip_conf": CONF, "pip_ca": CERTIFICATES, "pip_netrc": NETRC}
        services = {
            f"image-{image.role}": {
                "profiles": ["images"],
                "image": image.name,
                "build": {
                    "context": f"./images/{image.role}",
                    "args": {**arguments, **proxies},
                    "network": f"${{{NETWORK}:-default}}",
                    "secrets": list(secrets),
                },
            }
            for image in images
        }
        return {
            "services": services,
            "secrets": {name: {"file": f"${{{variable}:-/dev/null}}"} for name, variable in secrets.items()},
        }
