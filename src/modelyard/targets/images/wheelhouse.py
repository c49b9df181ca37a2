"""Lends a folder of packages (`find-links`, or an index of `file:` addresses) to a build, which sees no folder of ours.

On loopback, under a path that nobody can guess, and no file but what pip installs or reads names from.
"""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

_PACKAGES = (".whl", ".tar.gz", ".zip", ".metadata")


@contextmanager
def lend(folder: Path) -> Iterator[str]:
    """The address of the folder for as long as this lasts."""
    folder = folder.resolve()
    token = secrets.token_urlsafe(24)
    handler = partial(_Handler, folder=folder, token=token)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{token}{folder.as_posix()}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: object, folder: Path, token: str) -> None:
        self._folder, self._token = folder, token
        super().__init__(*arguments)  # type: ignore[arg-type]

    def translate_path(self, path: str) -> str:
        _, token, *parts = PurePosixPath(unquote(urlsplit(path).path)).parts
        asked = Path("/", *parts).resolve()
        pages = asked.is_dir() or asked.name == "index.html"
        around = self._folder if pages else self._folder.parent  # `simple/` beside `files/` is how indexes are laid out
        allowed = pages or asked.name.endswith(_PACKAGES)
        if not (secrets.compare_digest(token, self._token) and allowed and asked.is_relative_to(around)):
            return str(self._folder / "nothing here")
        return f"{asked}/" if asked.is_dir() and path.endswith("/") else str(asked)

    def log_message(self, *_: object) -> None:
        pass
