"""A project as a commit has it: the spec, the lock and the code, read from git's objects without a checkout.

Neither data nor results are at hand for a commit, so external data counts by its address only; whoever compares two
graphs must compile both that way (`compile_here`).
"""

import os
import posixpath
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from modelyard.digests import digest_bytes
from modelyard.errors import ModelyardError
from modelyard.graph.filecache import FileCache, count_lines
from modelyard.graph.model import Graph

if TYPE_CHECKING:
    from modelyard.spec.load import SpecErrors

_LINK = "120000"
_FILE = ("100644", "100755", "100664")
_MOST_LINKS = 10


def compile_at(loaded: Any, ref: str) -> Graph:
    """Compile the same spec, in the same environment and with the same variables, as commit `ref` has it.

    Raises ModelyardError: `git` where there is no such commit or no repository, `no-file` where the commit has no spec.
    """
    from modelyard.graph.code import CodeFinder
    from modelyard.graph.compile import compile_loaded, variables_of
    from modelyard.graph.data import uri_only
    from modelyard.graph.lock import LOCK_FILE, parse_lock
    from modelyard.spec.load import SpecErrors, load_spec
    from modelyard.spec.variables import ENVIRONMENT_PREFIX

    path = loaded.path.absolute()
    cache = FileCache.of(path.parent)
    with GitFiles(path.parent, ref, cache) as files:
        if files.lookup(path.name) is None:
            fix = "Name a commit that has it; everything would be new against this one."
            raise ModelyardError(f"{ref} has no `{path.name}`", code="no-file", fix=fix)
        # A variable that is given now may not have been declared then: as the environment's it may be unknown.
        given = {ENVIRONMENT_PREFIX + name.replace("-", "_"): text for name, text in loaded.given.items()}
        environ = {**os.environ, **given}
        try:
            then = load_spec(path, environment=loaded.environment, files=files.reader, environ=environ)
        except SpecErrors as errors:
            raise _as_of(ref, errors) from None
        lock = parse_lock(files.read(LOCK_FILE).decode("utf-8", "replace")) if files.lookup(LOCK_FILE) else None
        finder = CodeFinder(files, str(path.parent))
        graph = compile_loaded(then, data=uri_only, code=finder, lock=lock, variables=variables_of(then))
    cache.save()
    return graph


def _as_of(ref: str, errors: "SpecErrors") -> "SpecErrors":
    """The same mistakes, with their files named as git names them (`HEAD:mlops.yaml`): they are not those here."""
    for error in errors.errors:
        if error.where:
            error.where = replace(error.where, file=f"{ref}:{error.where.file}")
    sources = {f"{ref}:{file}": text for file, text in errors.sources.items()}
    return type(errors)(list(errors.errors), f"{ref}:{errors.file}", errors.environment, sources)


def compile_here(loaded: Any) -> Graph:
    """The working tree's graph, in a form that can be compared with a commit's."""
    from modelyard.graph import compile_graph
    from modelyard.graph.data import uri_only

    return compile_graph(loaded, data=uri_only)


class GitFiles:
    """`ProjectFiles` of a commit, for the part of the repository under `root`. Close it when done."""

    def __init__(self, root: Path, ref: str, cache: FileCache | None = None) -> None:
        self.root = root
        self.ref = ref
        self.cache = cache or FileCache()
        self.commit = (
            self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").decode().strip()
        )
        prefix = self._git("rev-parse", "--show-prefix").decode().strip()
        self._entries = self._tree(prefix)
        self._folders: dict[str, list[str]] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "GitFiles":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.communicate()
            self._process = None

    def lookup(self, path: str) -> tuple[str, int] | None:
        entry = self._follow(path)
        if entry is None:
            return None
        fact = self.fact(f"blob:{entry}")
        if fact is None:
            content = self._blob(entry)
            fact = [digest_bytes(content), count_lines(content)]
            self.keep_fact(f"blob:{entry}", fact)
        return fact[0], fact[1]

    def read(self, path: str) -> bytes:
        entry = self._follow(path)
        if entry is None:
            raise FileNotFoundError(path)
        return self._blob(entry)

    def reader(self, path: Path) -> bytes:
        """Bytes of a file by its path in the working tree. Raises FileNotFoundError."""
        try:
            return self.read(path.relative_to(self.root).as_posix())
        except ValueError:
            raise FileNotFoundError(path) from None

    def names(self, folder: str) -> list[str]:
        if self._folders is None:
            self._folders = {}
            for path in self._entries:
                where, _, name = path.rpartition("/")
                self._folders.setdefault(where, []).append(name)
        return sorted(self._folders.get(folder, ()))

    def fact(self, key: str) -> Any:
        return self.cache.fact(key)

    def keep_fact(self, key: str, value: Any) -> None:
        self.cache.keep_fact(key, value)

    def _follow(self, path: str) -> str | None:
        """The object of a file, through links inside the project."""
        for _ in range(_MOST_LINKS):
            found = self._entries.get(path)
            if found is None or found[0] in _FILE:
                return found[1] if found else None
            if found[0] != _LINK:
                return None
            path = posixpath.normpath(
                posixpath.join(posixpath.dirname(path), self._blob(found[1]).decode("utf-8", "replace"))
            )
        return None

    def _tree(self, prefix: str) -> dict[str, tuple[str, str]]:
        """Path relative to the project → mode and object."""
        listed = self._git("ls-tree", "-r", "-z", "--full-tree", self.commit, *([prefix] if prefix else []))
        entries = {}
        for line in listed.split(b"\0"):
            head, tab, name = line.partition(b"\t")
            if tab:
                mode, _, oid = head.decode().split(" ")[:3]
                entries[name.decode("utf-8", "surrogateescape").removeprefix(prefix)] = (mode, oid)
        return entries

    def _git(self, *arguments: str) -> bytes:
        try:
            done = subprocess.run(["git", "-C", str(self.root), *arguments], capture_output=True, check=False)
        except FileNotFoundError:
            raise ModelyardError(
                "git is not installed", code="git", fix="Install git to compare with a commit."
            ) from None
        if done.returncode == 0:
            return done.stdout
        raise self._refused(done.stderr.decode("utf-8", "replace").strip().splitlines(), arguments)

    def _refused(self, told: Sequence[str], arguments: Sequence[str]) -> ModelyardError:
        if any("not a git repository" in line for line in told):
            return ModelyardError(
                f"{self.root} is in no git repository", code="git", fix="Run `git init` and commit first."
            )
        if arguments[0] == "rev-parse":
            fix = "Name a branch, a tag or a commit; `git fetch` brings a remote's; CI often clones one commit only."
            return ModelyardError(f"git knows no commit `{self.ref}`", code="git", fix=fix)
        return ModelyardError(f"git {arguments[0]} failed: {told[-1] if told else 'without a word'}", code="git")

    def _blob(self, oid: str) -> bytes:
        pipe = self._batch()
        if pipe.stdin is None or pipe.stdout is None:
            raise OSError("git cat-file has no pipes")
        pipe.stdin.write(f"{oid}\n".encode())
        pipe.stdin.flush()
        head = pipe.stdout.readline().split()
        if len(head) != 3 or head[1] != b"blob":
            raise OSError(f"git has no object {oid}")
        content = _exactly(pipe.stdout, int(head[2]))
        pipe.stdout.read(1)
        return content

    def _batch(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            self._process = subprocess.Popen(
                ["git", "-C", str(self.root), "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        return self._process


def _exactly(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise OSError("git ended early")
    return content
