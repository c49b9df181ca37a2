"""An apply with nothing to do, a served model on Compose: at most twice `docker compose up -d` with nothing to do."""

import os
import socket
import subprocess
import tempfile
from pathlib import Path

from compose_flights import BASE, docker
from measure import MODELYARD, alternate, need, result

from modelyard.targets.docker.compose_cli import find_compose

SPEC = """\
version: 1
project: noop
target: {compose: {base: "BASE"}}
sources:
  points: {type: table, path: points.csv, split: {train: 70%, test: 30%}}
training:
  line: {data: sources.points, columns: [x, y], target: above, engine: sklearn, model: LogisticRegression}
registry:
  line: {from: training.line}
serving:
  api: {model: registry.line, port: PORT}
"""


def modelyard(root: Path, *arguments: str) -> None:
    done = subprocess.run([*MODELYARD, *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)


need("docker")
with tempfile.TemporaryDirectory() as home, socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    root = Path(home)
    rows = [(x, y, int(x > y)) for x in range(20) for y in range(20)]
    (root / "points.csv").write_text("x,y,above\n" + "".join(f"{x}.5,{y}.0,{above}\n" for x, y, above in rows))
    (root / "mlops.yaml").write_text(SPEC.replace("PORT", str(port)).replace("BASE", BASE))
    try:
        modelyard(root, "apply", "--auto-approve")
        folder = next((root / ".modelyard" / "compose").iterdir())
        os.environ["MODELYARD_SECRETS"] = home
        where = ["--project-directory", str(folder), "--file", str(folder / "compose.yaml")]
        up = [*find_compose(), *where, "up", "--detach"]
        ours, peer = alternate([*MODELYARD, "apply", "--auto-approve"], up, root, root, runs=7)
    finally:
        subprocess.run([*MODELYARD, "destroy", "--auto-approve"], cwd=root, capture_output=True, check=False)
        found = docker("images", "--quiet", "--filter", f"label=dev.modelyard.root={root}").split()
        subprocess.run(["docker", "rmi", "--force", *found], capture_output=True, check=False)
result("compose-noop", ours, peer, 2.0)
