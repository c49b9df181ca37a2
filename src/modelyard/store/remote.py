"""The mirror of a store at any fsspec URL, in the same layout. fsspec is imported only where a remote is named."""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.store.durable import make_folder
from modelyard.urls import open_url

_LISTING_SECONDS = 10.0


class Remote:
    """Files by their path in the layout. Objects are written before what names them, so a reader finds whole trees."""

    def __init__(self, url: str, settings: Mapping[str, Any] | None = None) -> None:
        """`settings` are the graph's: a secret in the URL is looked up as they say. Raises ModelyardError."""
        self._listings: dict[str, tuple[float, frozenset[str]]] = {}
        self._found = False
        try:
            self._place = open_url(url, settings, use_listings_cache=False)
        except ModelyardError as error:
            error.address = "store.remote"
            raise
        self.url = self._place.shown
        self._fs, self._base = self._place.filesystem, self._place.path

    def check(self) -> None:
        """Raise ModelyardError where the place is not there or may not be looked at."""
        self._list("trees")
        self._find_bucket()

    def _find_bucket(self) -> None:
        """Nothing there, and no bucket at all, look alike to fsspec, which would even make a bucket by itself."""
        bucket = self._place.bucket
        if self._found or bucket is None:
            return
        try:
            self._found = self._fs.exists(bucket)
        except Exception as error:
            raise self._error("cannot be looked at", error) from error
        if not self._found:
            fix = f"make the bucket `{bucket}`, or mend `store.remote`"
            what = f"the remote store {self.url}: there is no bucket `{bucket}`"
            raise ModelyardError(what, address="store.remote", fix=fix, code="store-remote")

    def _error(self, what: str, error: Exception) -> ModelyardError:
        why, fix = self._place.explain(error)
        what = f"the remote store {self.url} {what}: {why}"
        kept = "what is finished is kept in the local store"
        return ModelyardError(what, address="store.remote", fix=f"{fix}; {kept}", code="store-remote")

    def _at(self, key: str) -> str:
        return f"{self._base.rstrip('/')}/{key}"

    def has(self, key: str) -> bool:
        """Whether a file is there, by the listing of its folder, kept for a moment: a plan asks for thousands."""
        folder, _, name = key.rpartition("/")
        asked, names = self._listings.get(folder, (0.0, frozenset[str]()))
        if name in names:
            return True
        if time.monotonic() - asked > _LISTING_SECONDS or not asked:
            names = self._list(folder)
            self._listings[folder] = (time.monotonic(), names)
        return name in names

    def _list(self, folder: str) -> frozenset[str]:
        try:
            found = self._fs.ls(self._at(folder), detail=False)
        except FileNotFoundError:
            self._find_bucket()
            return frozenset()
        except Exception as error:
            raise self._error("cannot be listed", error) from error
        return frozenset(str(path).rstrip("/").rpartition("/")[2] for path in found)

    def read(self, key: str) -> bytes | None:
        try:
            data: Any = self._fs.cat_file(self._at(key))
        except FileNotFoundError:
            self._find_bucket()
            return None
        except Exception as error:
            raise self._error("cannot be read", error) from error
        return bytes(data)

    def fetch(self, key: str, to: Path) -> bool:
        """Copy a file to a local one. False where it is not there."""
        try:
            make_folder(to.parent)
            self._fs.get_file(self._at(key), str(to))
        except FileNotFoundError:
            return False
        except Exception as error:
            to.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno is not None and error.filename == str(to):
                raise  # the local disk's
            raise self._error("cannot be read", error) from error
        return True

    def write(self, key: str, data: bytes) -> None:
        with self._whole(key) as place:
            self._fs.pipe_file(place, data)

    def push(self, key: str, source: Path) -> None:
        with self._whole(key) as place:
            self._fs.put_file(str(source), place)

    @contextlib.contextmanager
    def _whole(self, key: str) -> Iterator[str]:
        """Write beside and move where the back end is a file system; object stores put whole objects anyway."""
        final = self._at(key)
        by_rename = self._fs.protocol in {"file", "local"} or "file" in self._fs.protocol or "sftp" in self._fs.protocol
        place = f"{final}.{os.urandom(6).hex()}.part" if by_rename else final
        try:
            if self._place.bucket is None:
                self._fs.makedirs(final.rpartition("/")[0], exist_ok=True)
            yield place
            if by_rename:
                self._fs.mv(place, final)
        except FileNotFoundError as error:
            self._find_bucket()
            raise self._error("cannot be written", error) from error
        except Exception as error:
            raise self._error("cannot be written", error) from error
        folder, _, name = key.rpartition("/")
        if folder in self._listings:
            asked, names = self._listings[folder]
            self._listings[folder] = (asked, names | {name})

    def names(self, prefix: str) -> list[str]:
        """Every file under a folder, relative to it."""
        base = self._at(prefix)
        try:
            found = self._fs.find(base)
        except FileNotFoundError:
            self._find_bucket()
            return []
        except Exception as error:
            raise self._error("cannot be listed", error) from error
        start = self._fs._strip_protocol(base).rstrip("/") + "/"
        return sorted(str(path).removeprefix(start) for path in found)
