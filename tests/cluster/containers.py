"""One container of a pod: its process in a sandbox, and its log, each line with its time as a kubelet writes it."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster.clock import now
from cluster.network import Network

SANDBOX = Path(__file__).with_name("sandbox.py")
_UID = 10001


@dataclass(frozen=True)
class Image:
    """What a name of an image stands for: folders by where they are in it, an entry, and variables."""

    mounts: Mapping[str, Path]
    entry: Sequence[str] = ("python", "-m", "modelyard.runtime")
    environment: Mapping[str, str] | None = None
    workdir: str = "/project"


def runtime_image(project: Path) -> Image:
    """This interpreter and this checkout, with a project's files at /project."""
    import modelyard

    source = Path(modelyard.__file__).parents[1]
    top = source.parent
    mounts = {"/project": project, str(source): source}
    for name in ("targets", "schemas", "specs"):
        mounts[str(top / name)] = top / name
    for prefix in {sys.prefix, sys.base_prefix}:
        if not prefix.startswith("/usr"):
            mounts[prefix] = Path(prefix)
    path = f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin"
    return Image(mounts, environment={"PATH": path, "PYTHONDONTWRITEBYTECODE": "1"})


class Process:
    """Runs from its making; `code` is None until it has ended."""

    def __init__(self, spec: dict[str, Any], folder: Path, log: Path, network: Network) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        root = folder / "root"
        root.mkdir(exist_ok=True)
        file = folder / "sandbox.json"
        self._log = log
        argv = [sys.executable, "-I", str(SANDBOX), str(file)]
        file.write_text(json.dumps({**spec, "root": str(root)}))
        self._started = subprocess.Popen(
            [*argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        assert self._started.stdout is not None
        assert self._started.stdin is not None
        first = os.read(self._started.stdout.fileno(), 1)
        if first != b"\0":
            raise RuntimeError(f"the sandbox did not start: {(first + self._started.stdout.read()).decode()}")
        self.address, setup = network.join(self._started.pid)
        subprocess.run(["nsenter", "-t", str(self._started.pid), "-n", "sh", "-c", setup], check=True)
        self.began = now()
        self.ended_at = ""
        self.oom = False
        self._started.stdin.write(b"\n")
        self._started.stdin.close()
        log.touch()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def code(self) -> int | None:
        """As a container runtime tells it: 137 where SIGKILL ended it."""
        code = self._started.poll()
        if code is None:
            return None
        self._reader.join(5)  # its last words are in the log before its end is told
        if not self.ended_at:
            self.ended_at = now()
        return code if code >= 0 else 128 - code

    def signal(self, number: int = signal.SIGTERM) -> None:
        if self._started.poll() is None:
            self._started.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def _read(self) -> None:
        assert self._started.stdout is not None
        with self._log.open("ab", buffering=0) as log:
            rest = b""
            while data := os.read(self._started.stdout.fileno(), 1 << 18):
                *lines, rest = (rest + data).split(b"\n")
                stamp = _stamp()
                if lines:
                    log.write(b"".join(stamp + line + b"\n" for line in lines))
            if rest:
                log.write(_stamp() + rest + b"\n")


def specification(
    container: Mapping[str, Any], pod: Mapping[str, Any], image: Image, volumes: Mapping[str, tuple[Path, bool]],
    environment: Mapping[str, str], hosts: Path,
) -> dict[str, Any]:  # fmt: skip
    """What the sandbox is told of a container."""
    secure = {**(pod["spec"].get("securityContext") or {}), **(container.get("securityContext") or {})}
    mounts = [{"source": str(path), "target": target, "readOnly": True} for target, path in image.mounts.items()]
    mounts.append({"source": str(hosts), "target": "/etc/hosts", "readOnly": True})
    for one in sorted(container.get("volumeMounts") or (), key=lambda mount: mount["mountPath"].count("/")):
        place, read_only = volumes[one["name"]]
        source = place / one["subPath"] if one.get("subPath") else place
        if one.get("subPath") and not source.exists():
            source.mkdir(parents=True)
            source.chmod(0o2777)
        read_only = read_only or bool(one.get("readOnly"))
        mounts.append({"source": str(source), "target": one["mountPath"], "readOnly": read_only})
    command = container.get("command") or image.entry
    uid, gid = secure.get("runAsUser", _UID), secure.get("runAsGroup", 0)
    group = (pod["spec"].get("securityContext") or {}).get("fsGroup")
    return {
        "mounts": mounts, "argv": [*command, *(container.get("args") or ())],
        "cwd": container.get("workingDir") or image.workdir,
        "env": {"PATH": "/usr/bin:/bin", "HOME": "/", **(image.environment or {}), **environment},
        "readOnlyRoot": bool(secure.get("readOnlyRootFilesystem")), "uid": uid, "gid": gid,
        "hostname": (pod["spec"].get("hostname") or pod["metadata"]["name"])[:63],
        "groups": [gid, *([group] if group is not None else [])],
        "pause": bool(pod["spec"].get("shareProcessNamespace")),
    }  # fmt: skip


def _stamp() -> bytes:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z ").encode()
