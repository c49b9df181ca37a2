"""Modelyard itself as a wheel, made from what is installed here, however it was: from an index, a file, or a checkout.

The bytes depend on the files alone, so that an image's name does too.
"""

import base64
import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from modelyard.about import own_folder, own_version
from modelyard.resources import resource_folder

_DATA = ("schemas", "specs", "targets")
_BEGINNING = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT = ("__pycache__", "examples")
_TAGS = "Wheel-Version: 1.0\nGenerator: modelyard\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@cache
def own_wheel() -> tuple[str, bytes]:
    """Its file name and its bytes."""
    version = own_version()
    about = f"modelyard-{version}.dist-info"
    files = dict(_package())
    installed = distribution("modelyard")
    files[f"{about}/METADATA"] = (installed.read_text("METADATA") or "").encode()
    files[f"{about}/entry_points.txt"] = (installed.read_text("entry_points.txt") or "").encode()
    files[f"{about}/WHEEL"] = _TAGS.encode()
    record = "".join(f"{path},{_hash(content)},{len(content)}\n" for path, content in sorted(files.items()))
    files[f"{about}/RECORD"] = f"{record}{about}/RECORD,,\n".encode()
    return f"modelyard-{version}-py3-none-any.whl", _zip(files)


def _package() -> Iterator[tuple[str, bytes]]:
    folder = own_folder()
    yield from _files(folder, "modelyard")
    if not (folder / "data").is_dir():
        for name in _DATA:
            yield from _files(resource_folder(name), f"modelyard/data/{name}")


def _files(folder: Path, prefix: str) -> Iterator[tuple[str, bytes]]:
    """All but what tools leave behind: their caches, in folders of their own, and bytecode."""
    for parent, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if name not in _LEFT_OUT and not name.startswith("."))
        for name in sorted(names):
            if not name.endswith((".pyc", ".pyo")):
                path = Path(parent, name)
                yield f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes()


def _hash(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def _zip(files: dict[str, bytes]) -> bytes:
    """Not compressed: what a compressor makes differs by its version, and an image is named after these bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(path, _BEGINNING)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return out.getvalue()
