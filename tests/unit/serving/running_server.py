"""A server as it runs: a process of its own with a real socket."""

import json
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.serving import client

SERVER = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
from modelyard.serving.service import serve
from modelyard.store import Store
root, config = Path(sys.argv[1]), json.loads(sys.argv[2])
emit = lambda event: print(json.dumps(dict(event)), flush=True)
serve(SimpleNamespace(document=SimpleNamespace(settings={}), address="serving.api", config=config, inputs={},
      root=root, workdir=root / "work", store=Store.open({}, root), emit=emit))
heavy = {"torch", "pandas", "mlflow", "ultralytics", "sklearn", "pydantic"} & set(sys.modules)
print(json.dumps({"event": "ended", "heavy": sorted(heavy)}), flush=True)
"""


class Running:
    def __init__(self, root: Path, **config: Any) -> None:
        given = json.dumps({"model": "digits", "stage": "production", "port": 0, **config})
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(root), given], stdout=subprocess.PIPE, text=True
        )
        self.url = json.loads(self.process.stdout.readline())["url"]

    def stop(self) -> list[dict[str, Any]]:
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=60)
        return [json.loads(line) for line in out.splitlines()]


def is_ready(url: str) -> bool:
    with suppress(ModelyardError):
        return bool(client.read_health(url)["ready"])
    return False
