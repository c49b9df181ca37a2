"""An engine of a test's own: others may work on the machine's."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from watching import eventually


@dataclass
class OwnEngine:
    """`folder` is short: the path of a socket has room for a hundred characters."""

    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def host(self) -> str:
        return f"unix://{self.folder}/s"

    def start(self) -> None:
        """In namespaces of its own: an engine makes, and takes away, the network bridge `docker0` of its machine."""
        folders = ("--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec")
        argv = ["dockerd", "--host", self.host, *folders, "--pidfile", f"{self.folder}/pid"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--net", "--mount", "--", *argv], stdout=log, stderr=log, start_new_session=True
            )
        eventually(self.answers, 60)

    def load(self, image: str) -> None:
        """From the machine's own engine."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
            subprocess.run(["docker", "--host", self.host, "load", "--quiet"], stdin=saved.stdout, check=True)

    def answers(self) -> bool:
        return subprocess.run(["docker", "--host", self.host, "info"], capture_output=True, check=False).returncode == 0

    def stop(self) -> None:
        """As an administrator does: its containers are asked to end."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(60)

    def kill(self) -> None:
        """As a bad moment does: the engine and what it stands on, at once. Containers go on without it."""
        assert self.process is not None
        below = [child for child in psutil.Process(self.process.pid).children() if child.name() == "containerd"]
        for victim in [self.process, *below]:
            victim.kill()
        self.process.wait(60)
        (self.folder / "pid").unlink(missing_ok=True)
        for pid in self.folder.glob("exec/containerd/*.pid"):
            pid.unlink()

    def end(self) -> None:
        """Whatever state a test has left it in: started once more, it ends what it left running."""
        if not self.answers():
            self.start()
        self.kill()
