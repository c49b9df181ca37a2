"""Spec to graph: nodes, edges, fingerprints, selection. Pure, but for reading code and data digests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from modelyard.collector import no_collection
from modelyard.graph.model import Graph, Node, Ref

if TYPE_CHECKING:
    from modelyard.graph.data import DataDigests, Progress
    from modelyard.graph.lock import Lock

__all__ = ["Graph", "Node", "Ref", "compile_graph"]


def compile_graph(
    loaded: Any,
    *,
    data: "DataDigests | None" = None,
    code: bool = True,
    lock: "Lock | None" = None,
    on_progress: "Progress | None" = None,
) -> Graph:
    """Compile a loaded spec into a graph.

    Files that nodes run and data that sources name are digested, through a cache in `.modelyard/cache`; `data` stands
    in for the data's digests (`modelyard.graph.data.uri_only` looks at nothing), `code=False` leaves code out. `lock`
    stands in for `mlops.lock`; `on_progress` is told how far a long hashing of data is. Raises ErrorGroup with every
    mistake at its place: a cycle, a missing file, a syntax error in code.
    """
    from modelyard.graph.code import CodeFinder
    from modelyard.graph.compile import compile_loaded, variables_of
    from modelyard.graph.data import disk_digests
    from modelyard.graph.filecache import FileCache
    from modelyard.graph.files import DiskFiles
    from modelyard.graph.lock import read_lock

    cache = FileCache.of(loaded.root)
    secrets = {name: place.plain() for name, place in loaded.spec.secrets.items()}
    with no_collection(), _with_source_lines(loaded):
        graph = compile_loaded(
            loaded,
            data=data or disk_digests(loaded.root, cache, on_progress, {"secrets": secrets}),
            code=CodeFinder(DiskFiles(loaded.root, cache), str(loaded.root)) if code else None,
            lock=lock or read_lock(loaded.root),
            variables=variables_of(loaded),
        )
    cache.save()
    return graph


@contextmanager
def _with_source_lines(loaded: Any) -> Iterator[None]:
    """Mistakes carry the texts they are in, the spec's and code's, so that they can be shown with the lines around."""
    from modelyard.errors import ErrorGroup
    from modelyard.spec import SpecErrors

    try:
        yield
    except ErrorGroup as group:
        files = {error.where.file for error in group.errors if error.where} - set(loaded.sources)
        code = {
            name: (loaded.root / name).read_text("utf-8", "replace") for name in files if (loaded.root / name).is_file()
        }
        sources = {**loaded.sources, **code}
        raise SpecErrors(list(group.errors), loaded.path.name, loaded.environment, sources) from None
