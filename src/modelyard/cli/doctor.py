"""`modelyard doctor`."""

import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from modelyard.cli.options import format_option

EXTRAS = {
    "data": ("duckdb", "great-expectations", "pandas", "pyarrow"),
    "tracking": ("mlflow",),
    "train": ("optuna", "scikit-learn", "onnx", "skl2onnx"),
    "vision": ("torch", "torchvision", "ultralytics"),
    "serve": ("onnxruntime", "starlette", "uvicorn", "pillow"),
    "monitor": ("evidently", "apprise"),
    "postgres": ("psycopg",),
    "docker": ("docker",),
    "kubernetes": ("kubernetes",),
}


@click.command(epilog="Example: modelyard doctor --format json")
@format_option("text", "json")
def command(form: str) -> None:
    """Tell what is installed here (packages, GPUs, Docker, a cluster), and how to get what is missing."""
    found: dict[str, Any] = {
        "python": sys.version.split()[0],
        "packages": {extra: {name: _version(name) for name in names} for extra, names in EXTRAS.items()},
        "gpus": _ask(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]),
        "docker": _ask(["docker", "version", "--format", "{{.Server.Version}}"]),
        "compose": _compose(),
        "kubernetes": _ask(["kubectl", "config", "current-context"]),
        "git": _ask(["git", "--version"]),
    }
    if form == "json":
        import json

        click.echo(json.dumps(found, indent=2))
        return
    _print(found)


def _print(found: dict[str, Any]) -> None:
    click.echo(f"Python       {found['python']}")
    packages = found["packages"]
    for extra, names in packages.items():
        missing = [name for name, at in names.items() if at is None]
        have = ", ".join(f"{name} {at}" for name, at in names.items() if at)
        mark = click.style("✓", fg="green") if not missing else click.style("·", fg="yellow")
        lack = f"  missing: {', '.join(missing)} → pip install 'modelyard[{extra}]'" if missing else ""
        click.echo(f"{mark} {extra:<11}{have}{lack}")
    absent = {
        "gpus": "none seen; training and serving use the CPU",
        "docker": "no engine answers; the compose target needs one",
        "compose": "no Docker Compose; `pip install 'modelyard[docker]'` brings one",
        "kubernetes": "no current context; the kubernetes target needs one",
        "git": "not found; runs are recorded without a commit",
    }
    for name, word in absent.items():
        value = found[name]
        mark = click.style("✓", fg="green") if value else click.style("·", fg="yellow")
        click.echo(f"{mark} {name:<11}{value or word}")


def _compose() -> str | None:
    from modelyard.errors import ModelyardError
    from modelyard.targets.docker.compose_cli import find_compose

    try:
        return _ask([*find_compose(), "version", "--short"])
    except ModelyardError:
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _ask(argv: list[str]) -> str | None:
    """The first words that a program answers, or None where it is missing, fails or stays silent."""
    if shutil.which(argv[0]) is None:
        return None
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
