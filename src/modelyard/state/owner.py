"""Who this process is, and whether another one still lives."""

import os
from functools import cache


@cache
def whoami() -> str:
    import getpass

    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user without a name
        user = str(os.getuid())
    return f"{user}@{hostname()}"


@cache
def hostname() -> str:
    import socket  # 5 ms, and who only reads does not ask

    return socket.gethostname()


def born(pid: int) -> float:
    """When a process of this machine was started (seconds since 1970), or 0 where there is none.

    With it a process id that was given out anew is not taken for the old process.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return 0.0
