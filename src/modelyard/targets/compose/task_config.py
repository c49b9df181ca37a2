"""What the engine is asked for when a task's container is made: what it sees, what it may, and how much it gets."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.graph.model import Resources
from modelyard.targets.compose import names
from modelyard.task import TaskDocument

_SHARED_MEMORY = 1 << 30
_PROCESSES = 4096
_CPU_SHARE = 1024


def container_name(scope: names.Scope, task: TaskDocument) -> str:
    """Readable, and one of its kind: `flights-staging-training.late-3f2a9c1b`."""
    address = re.sub(r"[^a-zA-Z0-9_.-]+", "-", str(task.node["address"]))
    return f"{scope.compose_name}-{address}-{task.run_id[:8]}-{task.attempt}"


def container_config(
    client: Any, scope: names.Scope, task: TaskDocument, resources: Resources, image: str, document: str, *,
    user: str, grace: float, mounts: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """The body of the engine's «create a container». No secret is in it: the engine keeps it on its disk."""
    state = str(scope.root / ".modelyard")
    host: dict[str, Any] = {
        "binds": [f"{state}:{state}"],
        "mounts": [dict(mount) for mount in mounts],
        "read_only": True,
        "tmpfs": {scope.scratch: "exec,mode=1777"},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": _PROCESSES,
        "shm_size": _SHARED_MEMORY,
        "cpu_shares": max(2, int(resources.cpu * _CPU_SHARE)),
        "log_config": {"Type": "none"},
    }
    if resources.memory:
        host |= {"mem_limit": resources.memory, "memswap_limit": resources.memory}
    if resources.gpu:
        host["device_requests"] = [{"Driver": "nvidia", "Count": resources.gpu, "Capabilities": [["gpu"]]}]
    labels = {
        **scope.labels, names.ADDRESS: str(task.node["address"]), names.RUN: task.run_id,
        names.FINGERPRINT: task.fingerprint,
    }  # fmt: skip
    made: dict[str, Any] = client.create_container_config(
        image=image,
        command=[document],
        user=user,
        working_dir=str(scope.root),
        stdin_open=True,
        environment={
            "MODELYARD_LEASH": "stdin",
            "MODELYARD_GRACE": f"{grace:g}",
            "TMPDIR": scope.scratch,
            "HOME": scope.scratch,
            "XDG_CACHE_HOME": f"{scope.scratch}/.cache",
        },
        labels=labels,
        host_config=client.create_host_config(**host),
    )
    return {**made, "AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "StdinOnce": True}


def external_mounts(task: TaskDocument, files: Sequence[str]) -> list[dict[str, Any]]:
    """Data outside of the graph that the task reads, and files of secrets: where they are here, read-only."""
    paths = [Path(file) for file in files]
    external = task.node.get("external")
    uri = str(external["uri"]).removeprefix("file://") if external else ""
    if uri and "://" not in uri:
        paths += _data(Path(task.root), uri)
    return [
        {"Type": "bind", "Source": str(path), "Target": str(path), "ReadOnly": True} for path in paths if path.exists()
    ]


def _data(root: Path, uri: str) -> list[Path]:
    """The folder or file that a path names; of a pattern, the folder above it, or its files where that is `root`."""
    path = root / uri
    parts = path.parts
    pattern = next((at for at, part in enumerate(parts) if set("*?[") & set(part)), None)
    if pattern is None:
        return [path]
    folder = Path(*parts[:pattern])
    return [folder] if folder != root else sorted(root.glob(str(Path(*parts[pattern:]))))
