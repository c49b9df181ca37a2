"""What data behind an fsspec URL is now, by the file system's own word for it."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.digests import digest_json
from modelyard.errors import ModelyardError
from modelyard.graph.model import ExternalData
from modelyard.urls import Place, open_url

_CONTENT_WORDS = (
    "ETag", "etag", "e_tag", "checksum", "content_md5", "Content-MD5", "md5Hash", "md5", "crc32c", "sha256", "Digest",
    "generation", "VersionId", "version_id", "hex", "sha",
)  # fmt: skip
_TIME_WORDS = ("mtime", "LastModified", "last_modified", "Last-Modified", "updated", "modified")
_MAGIC = "*?["


def remote_digest(uri: str, exclude: Sequence[str] = (), settings: Mapping[str, Any] | None = None) -> ExternalData:
    """Digest what a URL, a folder's URL or a glob URL holds.

    Raises ModelyardError: `missing-data` where nothing is there, `remote-data` where it cannot be looked at.
    """
    from modelyard.graph.data import left_out

    place = open_url(uri, settings)
    filesystem = place.filesystem
    try:
        infos = _infos(filesystem, place.path)
        kept = {name: info for name, info in infos.items() if not left_out(name, exclude)}
        entries = sorted([name, _word(filesystem, info)] for name, info in kept.items())
    except FileNotFoundError as error:
        why = error.__cause__  # over HTTP, fsspec says «not found» of whatever fails
        if isinstance(why, Exception) and getattr(why, "status", None) != 404:
            raise _unreadable(place, why) from error
        entries, kept = [], {}
    except Exception as error:  # each file system has its own errors; all mean that it cannot be read
        raise _unreadable(place, error) from error
    if not entries:
        raise ModelyardError(
            f"there is nothing at `{place.shown}`",
            code="missing-data",
            fix="Check the address, and that it may be listed.",
        )
    return ExternalData(uri, digest_json(entries), len(kept), sum(int(info.get("size") or 0) for info in kept.values()))


def _unreadable(place: Place, error: Exception) -> ModelyardError:
    why, fix = place.explain(error)
    return ModelyardError(f"cannot look at `{place.shown}`: {why}", code="remote-data", fix=fix)


def _infos(filesystem: Any, path: str) -> dict[str, Mapping[str, Any]]:
    """Every file by its name relative to the folder, or to the glob's fixed part."""
    from modelyard.graph.data import fixed_part

    if any(sign in path for sign in _MAGIC):
        base = fixed_part(path)
        found = filesystem.glob(path, detail=True)
        files = {name: info for name, info in found.items() if info.get("type") != "directory"}
    else:
        info = filesystem.info(path)
        if info.get("type") != "directory":
            return {path.rstrip("/").rsplit("/", 1)[-1]: info}
        base, files = path, filesystem.find(path, detail=True)
    prefix = base.strip("/")
    return {name.lstrip("/").removeprefix(prefix).lstrip("/"): info for name, info in files.items()}


def _word(filesystem: Any, info: Mapping[str, Any]) -> list[Any]:
    """What the file system says of a file's content, or a digest of the content where it says nothing."""
    size = info.get("size")
    told = {word: str(info[word]) for word in _CONTENT_WORDS if info.get(word)}
    if told:
        return [size, told]
    told = {word: str(info[word]) for word in _TIME_WORDS if info.get(word)}
    if told:
        return [size, told]
    return [size, {"b3": _content_digest(filesystem, info["name"])}]


def _content_digest(filesystem: Any, name: str) -> str:
    from blake3 import blake3

    hasher = blake3()
    with filesystem.open(name, "rb") as stream:
        while chunk := stream.read(1 << 20):
            hasher.update(chunk)
    return str(hasher.hexdigest())
