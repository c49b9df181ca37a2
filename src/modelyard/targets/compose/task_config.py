"""What the engine is asked for when a task's container is made: what it sees, what it may, and how much it gets."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.graph.model import Resources
from modelyard.targets.compose import names
from modelyard.targets.compose.places import external_data, places_of
from modelyard.targets.docker.engine import Engine
from modelyard.task import TaskDocument

_SHARED_MEMORY = 1 << 30
_PROCESSES = 4096
_CPU_SHARE = 1024
_MOST_SHARES = 1 << 18


@dataclass(frozen=True)
class Wanted:
    """`gpus` are the numbers of those that it gets, where we know them; `grace` in seconds."""

    image: str
    document: str
    user: str
    grace: float
    resources: Resources
    gpus: Sequence[str] = ()


def container_name(scope: names.Scope, task: TaskDocument) -> str:
    """Readable, and one of its kind: `flights-staging-training.late-3f2a9c1b`."""
    address = re.sub(r"[^a-zA-Z0-9_.-]+", "-", str(task.node["address"]))
    return f"{scope.compose_name}-{address}-{task.run_id[:8]}-{task.attempt}"


def container_config(engine: Engine, scope: names.Scope, task: TaskDocument, wanted: Wanted) -> dict[str, Any]:
    """The body of the engine's «create a container». No secret is in it: the engine keeps it on its disk."""
    labels = {
        **scope.labels, names.ADDRESS: str(task.node["address"]), names.RUN: task.run_id,
        names.FINGERPRINT: task.fingerprint,
    }  # fmt: skip
    made: dict[str, Any] = engine.api.create_container_config(
        image=wanted.image,
        command=[wanted.document],
        user=wanted.user,
        working_dir=str(scope.root),
        stdin_open=True,
        environment={
            "MODELYARD_LEASH": "stdin",
            "MODELYARD_GRACE": f"{wanted.grace:g}",
            "TMPDIR": scope.scratch,
            "HOME": scope.scratch,
            "XDG_CACHE_HOME": f"{scope.scratch}/.cache",
        },
        labels=labels,
        host_config=engine.api.create_host_config(**_host(engine, scope, task, wanted)),
    )
    return {**made, "AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "StdinOnce": True}


def _host(engine: Engine, scope: names.Scope, task: TaskDocument, wanted: Wanted) -> dict[str, Any]:
    written = places_of(scope.root, task).mounted
    read = [path for path in external_data(task) if not any(path.is_relative_to(folder) for folder in written)]
    resources = wanted.resources
    host: dict[str, Any] = {
        "mounts": [*_mounts(written, read_only=False), *_mounts(read, read_only=True)],
        "read_only": True,
        "tmpfs": {scope.scratch: "exec,mode=1777"},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": _PROCESSES,
        "shm_size": _SHARED_MEMORY,
        "cpu_shares": min(max(2, int(resources.cpu * _CPU_SHARE)), _MOST_SHARES),
        "log_config": {"Type": "none"},
    }
    if engine.has_selinux:  # else the project would have to be labelled anew, for all who use it
        host["security_opt"].append("label=disable")
    if engine.remaps_users:
        host["userns_mode"] = "host"
    if resources.memory:
        host |= {"mem_limit": resources.memory, "memswap_limit": resources.memory}
    if resources.gpu:
        which = {"DeviceIDs": list(wanted.gpus)} if wanted.gpus else {"Count": resources.gpu}
        host["device_requests"] = [{"Driver": "nvidia", **which, "Capabilities": [["gpu"]]}]
    return host


def _mounts(paths: Iterable[Path], read_only: bool) -> list[dict[str, Any]]:
    return [{"Type": "bind", "Source": str(path), "Target": str(path), "ReadOnly": read_only} for path in paths]
