"""One file's bytes by their digest: copied in whole, read-only, and never the same inode as a writable file.

Every object carries one fixed modification time. A write through a link to it (possible for root) moves that time,
so tampering is noticed by a `stat`, and only then are the bytes hashed again.
"""

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from blake3 import blake3

from modelyard.digests import digest_file
from modelyard.errors import ModelyardError
from modelyard.store.durable import make_folder, rename, temporary, write_all
from modelyard.store.trees import hex_of

_CHUNK = 1 << 20
_FICLONE = 0x40049409
_SEALED_NS = 946_684_800_000_000_000  # 2000-01-01: a time that no write leaves behind
_LINK_FROM = 8 << 20


class Objects:
    """The `objects/` folder. Every method is safe beside other processes; all raise OSError."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder = folder
        self.scratch = scratch

    def path(self, digest: str) -> Path:
        name = hex_of(digest)
        return self.folder / name[:2] / name

    def has(self, digest: str, size: int) -> bool:
        """Whether the object is here, unchanged since it was put as far as `stat` tells (else it is looked into)."""
        path = self.path(digest)
        try:
            found = path.stat()
        except FileNotFoundError:
            return False
        if found.st_size == size and found.st_mtime_ns == _SEALED_NS:
            return True
        return self.verify(digest)

    def verify(self, digest: str) -> bool:
        """Hash the object. A damaged one is taken away, so that it is fetched or made again."""
        path = self.path(digest)
        try:
            sound = digest_file(path) == digest
        except FileNotFoundError:
            return False
        if sound:
            with contextlib.suppress(PermissionError):  # another user's
                _seal(path)
        else:
            path.unlink(missing_ok=True)
        return sound

    def add(self, source: Path) -> tuple[str, int]:
        """Copy a file in, hashing on the way; returns its digest and size. Waits until it is on the disk."""
        temp = temporary(self.scratch)
        try:
            digest, size = _copy_hashing(source, temp)
            return self._keep(temp, digest, size), size
        except BaseException:
            temp.unlink(missing_ok=True)
            raise

    def adopt(self, temp: Path, digest: str) -> None:
        """Take over a file that was written to `scratch`. Raises ModelyardError where it is not what it should be."""
        found = digest_file(temp)
        if found != digest:
            temp.unlink(missing_ok=True)
            raise ModelyardError(f"{digest} from the remote store is damaged (it hashes to {found})", code="corrupt")
        fd = os.open(temp, os.O_RDONLY)
        try:
            os.fdatasync(fd)
        finally:
            os.close(fd)
        self._keep(temp, digest, temp.stat().st_size)

    def _keep(self, temp: Path, digest: str, size: int) -> str:
        path = self.path(digest)
        if self.has(digest, size):
            try:
                _seal(path)  # a new ctime: the collector leaves alone what was asked for lately
            except FileNotFoundError:
                pass
            except PermissionError:  # another user's: ours takes its place
                _seal(temp)
                rename(temp, path)
                return digest
            temp.unlink()
            return digest
        _seal(temp)
        rename(temp, path)
        return digest

    def place(self, digest: str, destination: Path, writable: bool) -> None:
        """Put the object's bytes at `destination`: a clone where the file system can, else a link or a copy.

        A link is taken only where nothing may write through it: for root, whom read-only does not stop, small
        files are copied, and large ones are linked and watched by their time.
        """
        source = self.path(digest)
        if not writable and (os.geteuid() != 0 or source.stat().st_size >= _LINK_FROM):
            try:
                os.link(source, destination)
                return
            except OSError as error:
                if error.errno not in {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP}:
                    raise
        _copy(source, destination)
        destination.chmod(0o644 if writable else 0o444)


def _seal(path: Path) -> None:
    path.chmod(0o444)
    os.utime(path, ns=(_SEALED_NS, _SEALED_NS))


def _copy_hashing(source: Path, temp: Path) -> tuple[str, int]:
    hasher, size = blake3(), 0
    read = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        write = _create(temp)
        try:
            while chunk := os.read(read, _CHUNK):
                hasher.update(chunk)
                write_all(write, chunk)
                size += len(chunk)
            os.fdatasync(write)
        finally:
            os.close(write)
    finally:
        os.close(read)
    return f"b3:{hasher.hexdigest()}", size


def _copy(source: Path, destination: Path) -> None:
    with source.open("rb") as read, destination.open("xb") as write:
        try:
            fcntl.ioctl(write.fileno(), _FICLONE, read.fileno())
        except OSError:
            while chunk := read.read(_CHUNK):
                write.write(chunk)


def _create(path: Path) -> int:
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        make_folder(path.parent)
        return os.open(path, flags, 0o600)
