"""Run as a program: one container as a process, in namespaces of its own. `python sandbox.py SPEC.json`

It sees the system's programs read-only, the folders that the specification mounts, and nothing else of this machine; it
is the first process of its own process namespace, or the second after `pause`, and reaches others through one network
interface. The kubelet gives it that interface while this program waits for a line on stdin.
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

_NEW = 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000  # mounts, processes, network, IPC, host name
_BIND, _REC, _PRIVATE, _READ_ONLY, _REMOUNT, _NOSUID = 4096, 16384, 1 << 18, 1, 32, 2
_PDEATHSIG, _NO_NEW_PRIVS = 1, 38
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/sys", "/dev")
_ETC = ("passwd", "group", "nsswitch.conf", "ssl", "ld.so.cache", "localtime", "mime.types", "fonts", "alternatives")
libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def mount(source, target, kind=b"", flags=0, data=b""):
    check(libc.mount(str(source).encode(), str(target).encode(), kind, flags, data), f"mount {source} at {target}")


def bind(source, target, read_only=False):
    source, target = Path(source), Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch(exist_ok=True)
    mount(source, target, flags=_BIND | _REC)
    if read_only:
        mount("none", target, flags=_BIND | _REMOUNT | _READ_ONLY)


def build(root, spec):
    mount("none", "/", flags=_REC | _PRIVATE)
    mount("tmpfs", root, b"tmpfs", _NOSUID, b"mode=755")
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            (root / path.name).symlink_to(path.readlink())
        elif path.exists():
            bind(path, root / path.name, read_only=path.name not in ("dev", "sys"))
    for name in _ETC:
        if Path("/etc", name).exists():
            bind(f"/etc/{name}", root / "etc" / name, read_only=True)
    for folder in ("proc", "tmp", "run", "var/run", "home"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    for one in spec["mounts"]:
        bind(one["source"], root / one["target"].lstrip("/"), one.get("readOnly", False))
    (root / spec["cwd"].lstrip("/")).mkdir(parents=True, exist_ok=True)


def start(root, spec):
    """Become the container's first process."""
    mount("proc", root / "proc", b"proc")
    if spec["readOnlyRoot"]:
        mount("none", root, flags=_BIND | _REMOUNT | _READ_ONLY)
    os.chroot(root)
    os.chdir(spec["cwd"])
    os.setsid()
    os.setgroups(spec["groups"])
    os.setgid(spec["gid"])
    os.setuid(spec["uid"])
    os.umask(0o002)
    libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(spec["argv"][0], spec["argv"], spec["env"])


def pause():
    """The first process of the namespace where a pod's processes share one: it waits, and reaps."""
    if os.fork() == 0:
        libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        os.closerange(0, 3)
        while True:
            signal.pause()


def main():
    libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # tests that are killed leave no pods
    spec = json.loads(Path(sys.argv[1]).read_text())
    root = Path(spec["root"])
    check(libc.unshare(_NEW), "unshare")
    hostname = spec["hostname"].encode()
    check(libc.sethostname(hostname, len(hostname)), "sethostname")
    build(root, spec)
    sys.stdout.write("\0")  # the kubelet may give the interface now
    sys.stdout.flush()
    sys.stdin.readline()
    if spec["pause"]:
        pause()
    child = os.fork()
    if child == 0:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        try:
            start(root, spec)
        except OSError as error:
            print(f"exec: {spec['argv'][0]}: {error.strerror}", flush=True)
            os._exit(127 if isinstance(error, FileNotFoundError) else 126)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _: os.kill(child, signum))
    os.closerange(1, 3)
    while True:
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        os._exit(code if code >= 0 else 128 - code)


main()
