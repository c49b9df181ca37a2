"""What a source names, as files on this machine: a port's folder, a path, a glob, or any fsspec URL."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.graph.data import data_digest, fixed_part, left_out, local_files, local_path, missing
from modelyard.graph.filecache import FileCache
from modelyard.steps.base import StepContext

Files = Sequence[tuple[str, Path]]
"""Name relative to the source, with `/`, and place; sorted by name."""

FETCHED = "fetched"
"""Where in a step's workdir remote files lie while it runs."""

_MAGIC = "*?["


def gather(ctx: StepContext) -> Files:
    """The files of the step's source. Raises ModelyardError where there are none or they cannot be read."""
    exclude = ctx.config.get("exclude", ())
    if "data" in ctx.inputs:
        folder = ctx.inputs["data"]
        return _named(local_files(str(folder), folder, exclude)) or _nothing(ctx.address)
    uri = source_uri(ctx)
    path = local_path(uri)
    if path is None:
        return _download(uri, ctx, exclude)
    files = _named(local_files(path, ctx.root, exclude))
    if not files:
        raise missing(uri, path, ctx.root)
    return files


def source_uri(ctx: StepContext) -> str:
    external = ctx.document.node.get("external") or {}
    uri = external.get("uri") or ctx.config.get("path")
    if not uri:
        raise ModelyardError(
            "has neither a path nor an input", address=ctx.address, code="missing-data", fix="Give it a `path`."
        )
    return str(uri)


def check_unchanged(ctx: StepContext) -> None:
    """Raise ModelyardError where the data is no longer what was planned for: the result would carry a wrong name."""
    external = ctx.document.node.get("external")
    if not external or "data" in ctx.inputs:
        return
    kind, exclude = ctx.config.get("type", "files"), ctx.config.get("exclude", ())
    now = data_digest(external["uri"], ctx.root, FileCache(), kind=kind, exclude=exclude)
    if now.digest != external["digest"]:
        raise ModelyardError(
            f"`{external['uri']}` changed while this ran",
            address=ctx.address,
            code="data-changed",
            fix="Run `modelyard apply` again: it reads what is there now.",
        )


def _named(files: Sequence[tuple[str, Path, Any]]) -> list[tuple[str, Path]]:
    return [(name, place) for name, place, _ in files]


def _nothing(address: str) -> Files:
    raise ModelyardError(
        "its input has no files", address=address, code="missing-data", fix="See what the step before it wrote."
    )


def _download(uri: str, ctx: StepContext, exclude: Sequence[str]) -> Files:
    from modelyard.urls import open_url

    target = ctx.workdir / FETCHED
    place = open_url(uri, ctx.document.settings)
    try:
        sizes = _listing(place.filesystem, place.path)
        kept = {name: size for name, size in sizes.items() if not left_out(name[0], exclude)}
        done, total = 0, sum(kept.values())
        files = []
        for (name, remote), size in sorted(kept.items()):
            local = target / name
            local.parent.mkdir(parents=True, exist_ok=True)
            place.filesystem.get_file(remote, str(local))
            files.append((name, local))
            done += size
            ctx.progress(done, max(total, 1), f"fetched {name}")
    except Exception as error:
        why, fix = place.explain(error)
        raise ModelyardError(
            f"cannot read `{place.shown}`: {why}", address=ctx.address, code="remote-data", fix=fix
        ) from error
    if not files:
        raise ModelyardError(
            f"there is nothing at `{place.shown}`", address=ctx.address, code="missing-data", fix="Check the address."
        )
    return files


def _listing(filesystem: Any, path: str) -> dict[tuple[str, str], int]:
    """(name relative to the folder or to the glob's fixed part, remote path) → size."""
    if any(sign in path for sign in _MAGIC):
        base, found = fixed_part(path), filesystem.glob(path, detail=True)
    else:
        info: Mapping[str, Any] = filesystem.info(path)
        if info.get("type") != "directory":
            return {(path.rstrip("/").rsplit("/", 1)[-1], path): int(info.get("size") or 0)}
        base, found = path, filesystem.find(path, detail=True)
    prefix = base.strip("/")
    kept = {name: info for name, info in found.items() if info.get("type") != "directory"}
    return {
        (name.lstrip("/").removeprefix(prefix).lstrip("/"), name): int(info.get("size") or 0)
        for name, info in kept.items()
    }
