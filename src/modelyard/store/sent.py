"""What a remote is known to hold: a line each, so that no apply asks the remote again for what was once sent.

One file a remote, by its URL. Lines are only ever added, each by one write, so processes do not disturb one another.
"""

import os
from contextlib import suppress
from pathlib import Path

from modelyard.digests import digest_bytes
from modelyard.store.durable import make_folder

_SHOWN = 16


class Sent:
    """Fingerprints whose results were seen whole on the remote."""

    def __init__(self, folder: Path, url: str) -> None:
        self._path = folder / f"{digest_bytes(url.encode())[3:][:_SHOWN]}.txt"

    def known(self) -> frozenset[str]:
        try:
            return frozenset(self._path.read_text(encoding="utf-8").split("\n"))
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()

    def add(self, fingerprint: str) -> None:
        """Raises OSError; not where the note is another user's: the remote is then asked once more, that is all."""
        make_folder(self._path.parent)
        with suppress(PermissionError):
            file = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o664)
            try:
                os.write(file, f"{fingerprint}\n".encode())
            finally:
                os.close(file)
