"""What the Compose benchmarks share: the flights example on the Compose target, on this machine's engine."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import MODELYARD, need

BASE = os.environ.get("MODELYARD_TEST_BASE", "modelyard-base:bookworm")
_EXAMPLE = Path(__file__).parents[1] / "examples" / "flights"


@contextmanager
def flights() -> Iterator[Path]:
    """A copy of the example; what it made on the engine is taken away afterwards."""
    need("docker")
    with tempfile.TemporaryDirectory() as home:
        root = Path(home, "flights")
        shutil.copytree(_EXAMPLE, root, ignore=shutil.ignore_patterns(".modelyard", "__pycache__"))
        staging = json.dumps({"target": {"compose": {"base": BASE}}, "variables": {"months": 1}})
        spec = root / "mlops.yaml"
        spec.write_text(f"{spec.read_text()}\nenvironments:\n  staging: {staging}\n")
        try:
            yield root
        finally:
            found = docker("images", "--quiet", "--filter", f"label=dev.modelyard.root={root}").split()
            subprocess.run(["docker", "rmi", "--force", *found], capture_output=True, check=False)


def apply(root: Path, select: str) -> None:
    argv = [*MODELYARD, "apply", "-e", "staging", "--auto-approve", "--select", select]
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout
