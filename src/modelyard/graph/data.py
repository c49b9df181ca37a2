"""What data outside of the graph is now: one digest of every file's relative name and content.

Local files are hashed, once for each change (`filecache`). For what lies elsewhere the file system's own word is
taken (checksum, ETag, version, or size and time); only where it has none is the content read.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from modelyard.digests import digest_json
from modelyard.errors import ModelyardError
from modelyard.graph.filecache import FileCache
from modelyard.graph.model import ExternalData
from modelyard.wording import counted

DataDigests = Callable[[str, str, Sequence[str]], ExternalData]
"""(uri, type of the source, patterns to leave out) → what is there now."""

Progress = Callable[[int, int], None]
"""(bytes hashed, bytes to hash)."""

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif"})
_MAGIC = "*?["
_PARALLEL_FROM = 32 << 20


def uri_only(uri: str, kind: str = "files", exclude: Sequence[str] = ()) -> ExternalData:
    """A stand-in where no data is at hand: the same address counts as the same data."""
    return ExternalData(uri, digest_json(["uri", uri, kind, sorted(exclude)]))


def disk_digests(
    root: Path, cache: FileCache, on_progress: Progress | None = None, settings: Mapping[str, Any] | None = None
) -> DataDigests:
    """Digests of what is there now, each address looked at once."""
    seen: dict[tuple[str, str, tuple[str, ...]], ExternalData] = {}

    def digest(uri: str, kind: str, exclude: Sequence[str] = ()) -> ExternalData:
        key = (uri, kind, tuple(exclude))
        if key not in seen:
            seen[key] = data_digest(
                uri, root, cache, kind=kind, exclude=exclude, on_progress=on_progress, settings=settings
            )
        return seen[key]

    return digest


def data_digest(
    uri: str,
    root: Path,
    cache: FileCache,
    *,
    kind: str = "files",
    exclude: Sequence[str] = (),
    on_progress: Progress | None = None,
    settings: Mapping[str, Any] | None = None,
) -> ExternalData:
    """Digest a path, a glob, a folder, or an fsspec URL (`s3://…`), relative paths from `root`.

    `settings` are the graph's, whose `secrets` say where the secrets of a URL live.
    Raises ModelyardError: `missing-data` where nothing is there, `no-images` where a source of images has none.
    """
    path = local_path(uri)
    if path is None:
        from modelyard.graph.remote import remote_digest

        return remote_digest(uri, exclude, settings)
    files = local_files(path, root, exclude)
    if not files:
        raise missing(uri, path, root)
    digests = _digests([place for _, place, _ in files], [status for *_, status in files], cache, on_progress)
    entries = [[name, status.st_size, digest] for (name, _, status), digest in zip(files, digests, strict=True)]
    images, labels = count_images([name for name, *_ in files]) if kind == "images" else (0, 0)
    if kind == "images" and not images:
        raise no_images(uri, [name for name, *_ in files])
    return ExternalData(
        uri, digest_json(sorted(entries)), len(files), sum(status.st_size for *_, status in files), images, labels
    )


def local_path(uri: str) -> str | None:
    """The path that a URI means on this machine, or None for one elsewhere."""
    if uri.startswith("file://"):
        return uri.removeprefix("file://")
    return None if "://" in uri else uri


def local_files(path: str, root: Path, exclude: Sequence[str] = ()) -> list[tuple[str, Path, os.stat_result]]:
    """Files under a path or glob: name relative to the folder (or to the glob's fixed part), place, status.

    Names that begin with a dot are left out, as are patterns of `exclude`, matched on the relative name.
    """
    place = root / path
    if not any(sign in path for sign in _MAGIC) or place.exists():
        found = [(place.name, place)] if place.is_file() else list(_walk(place))
    else:
        base = fixed_part(path)
        found = [(entry.relative_to(root / base).as_posix(), entry) for entry in _glob(root / base, path[len(base) :])]
    kept = ((name, entry, entry.stat()) for name, entry in found if not left_out(name, exclude))
    return sorted(kept, key=lambda file: file[0])


def fixed_part(pattern: str) -> str:
    """The folder of a glob before its first sign: `data/2013-*/x.csv` → `data/`."""
    first = min((pattern.index(sign) for sign in _MAGIC if sign in pattern), default=len(pattern))
    return pattern[: pattern.rfind("/", 0, first) + 1]


def left_out(name: str, exclude: Sequence[str]) -> bool:
    if any(part.startswith(".") for part in name.split("/")):
        return True
    return any(fnmatchcase(name, pattern) or name.startswith(f"{pattern.rstrip('/')}/") for pattern in exclude)


def count_images(names: Sequence[str]) -> tuple[int, int]:
    """How many images there are, and how many of them have a YOLO label file by their name."""
    images = [Path(name).stem for name in names if Path(name).suffix.lower() in IMAGES]
    texts = {Path(name).stem for name in names if name.endswith(".txt")}
    return len(images), sum(stem in texts for stem in images)


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    for here, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        base = Path(here)
        prefix = base.relative_to(folder).as_posix()
        for name in names:
            yield (name if prefix == "." else f"{prefix}/{name}"), base / name


def _glob(base: Path, pattern: str) -> list[Path]:
    """Files that a pattern matches, each once; a folder that it matches counts with all that is in it."""
    found: dict[Path, None] = {}
    for entry in base.glob(pattern):
        found.update(dict.fromkeys([entry] if entry.is_file() else (file for _, file in _walk(entry))))
    return list(found)


def _digests(
    places: Sequence[Path], statuses: Sequence[os.stat_result], cache: FileCache, on_progress: Progress | None
) -> list[str]:
    unknown = sum(
        status.st_size
        for place, status in zip(places, statuses, strict=True)
        if cache.known(os.fspath(place), status) is None
    )
    if unknown < _PARALLEL_FROM:
        return [cache.digest(place, status) for place, status in zip(places, statuses, strict=True)]
    from concurrent.futures import ThreadPoolExecutor

    done, digests = 0, []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for digest, status in zip(pool.map(cache.digest, places, statuses), statuses, strict=True):
            digests.append(digest)
            done += status.st_size
            if on_progress:
                on_progress(done, sum(one.st_size for one in statuses))
    return digests


def missing(uri: str, path: str, root: Path) -> ModelyardError:
    place = root / path
    if any(sign in path for sign in _MAGIC):
        what, fix = f"no file matches `{uri}`", f"The pattern counts from {root}."
    elif place.is_dir():
        what, fix = f"`{uri}` is an empty folder", "Put the data there, or name the folder that has it."
    else:
        what = f"there is nothing at `{uri}`"
        fix = _near(place) or f"Put the data at {place}, or change `path`."
    return ModelyardError(what, code="missing-data", fix=fix)


def _near(place: Path) -> str:
    from modelyard.nearest import closest

    try:
        names = [entry.name for entry in place.parent.iterdir()]
    except OSError:
        return ""
    close = closest(place.name, names)
    return f"Did you mean `{close}`, in the same folder?" if close else ""


def no_images(uri: str, names: Sequence[str]) -> ModelyardError:
    endings = sorted({Path(name).suffix.lower() or name for name in names})[:6]
    return ModelyardError(
        f"`{uri}` holds no images",
        code="no-images",
        fix=f"It has {counted(len(names), 'file')} ({', '.join(endings)}); images end in {', '.join(sorted(IMAGES))}.",
    )
