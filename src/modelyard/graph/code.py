"""Which files of the project a node runs: what it names, and all that those import inside the project."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.graph.files import ProjectFiles, inside
from modelyard.graph.imports import Imported, outline_of, parse, resolve
from modelyard.graph.model import CodeFile

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*(?:\.exe)?$")
_FILLED_IN = re.compile(r"(?<!\$)\$\{(?:params\.([\w.-]+)|item)\}")
_WRITTEN = re.compile(r"--?(?:o|out|output|outdir|out[-_]\w+|output[-_]\w+|save|save[-_]\w+|log|log[-_]\w+)$")
_WITH_ARGUMENT = {"-W", "-X", "--check-hash-based-pycs"}


class CodeFinder:
    """Finds code files for the nodes of one compilation; what two nodes share is looked at once."""

    def __init__(self, files: ProjectFiles, root: str = "") -> None:
        self.files = files
        self.root = root
        self._closures: dict[tuple[str, str], tuple[str, ...]] = {}
        self._commands: dict[tuple[str, ...], tuple[CodeFile, ...]] = {}

    def of_command(
        self, argv: Sequence[str], params: Mapping[str, Any] | None = None, item: Any = None
    ) -> tuple[CodeFile, ...]:
        """Code of `run:`: scripts and modules with what they import, and every other file of the project it names.

        `${params.x}` and `${item}` are filled in before files are looked for. A file that follows an option for output
        (`--out x.csv`) is what the command writes, and does not count.
        """
        filled = tuple(argv)
        for at, word in enumerate(filled):
            if "${" in word:
                filled = (*filled[:at], _fill(word, params or {}, item), *filled[at + 1 :])
        if filled not in self._commands:
            self._commands[filled] = self._files(self._of_command(filled))
        return self._commands[filled]

    def of_call(self, reference: str) -> tuple[CodeFile, ...]:
        """Code of `module:function`; empty for a module that is installed and not the project's.

        Raises ModelyardError for a function that the project's module does not have.
        """
        module, _, function = reference.partition(":")
        found = resolve(self.files, Imported(0, module), "", self._roots(""))
        if not found:
            return ()
        self._check_function(found[-1], module, function)
        return self._files(path for start in found for path in self._closure(start, ""))

    def has_module(self, reference: str) -> bool:
        return bool(resolve(self.files, Imported(0, reference.partition(":")[0]), "", self._roots("")))

    def of_files(self, paths: Iterable[str]) -> tuple[CodeFile, ...]:
        """Files by path, each with what it imports where it is Python."""
        return self._files(path for start in paths for path in self._named(start))

    def _of_command(self, argv: tuple[str, ...]) -> set[str]:
        found: set[str] = set()
        python_seen = False
        before = ""
        for at, word in enumerate(argv):
            path = word
            if word.startswith("-"):
                option, _, path = word.partition("=")
                path = "" if _WRITTEN.match(option) else path
            elif before.startswith("-") and (before == "-c" or _WRITTEN.match(before)):
                path = ""
            elif not python_seen and _is_python(word):
                python_seen = True
                found.update(self._of_python(argv[at + 1 :]))
            if path and "${" not in path:
                found.update(self._named(path))
            before = word
        return found

    def _of_python(self, arguments: Sequence[str]) -> Iterable[str]:
        """What `python …` itself is told to run."""
        words = iter(arguments)
        for word in words:
            if word in _WITH_ARGUMENT:
                next(words, None)
            elif word == "-m":
                return self._of_module(next(words, ""))
            elif word == "-c":
                return self._of_source(next(words, ""))
            elif not word.startswith("-"):
                self._check_script(word)
                return ()
        return ()

    def _of_module(self, module: str) -> list[str]:
        found = resolve(self.files, Imported(0, module), "", self._roots(""))
        main = f"{found[-1].removesuffix('__init__.py')}__main__.py" if found else ""
        if found and found[-1].endswith("__init__.py") and self.files.lookup(main):
            found.append(main)
        return [path for start in found for path in self._closure(start, "")]

    def _of_source(self, source: str) -> list[str]:
        if "import" not in source or "${" in source:
            return []
        outline = parse(source.encode(), "-c")
        starts = [path for one in outline.imports for path in resolve(self.files, one, "", self._roots(""))]
        return [path for start in starts for path in self._closure(start, "")]

    def _named(self, word: str) -> Sequence[str]:
        path = inside(word, self.root) if len(word) < 1024 else None
        if path is None or path.startswith(".modelyard/") or self.files.lookup(path) is None:
            return ()
        return self._closure(path, str(PurePosixPath(path).parent)) if path.endswith(".py") else (path,)

    def _closure(self, start: str, folder: str) -> tuple[str, ...]:
        """A Python file and all it imports; `folder` is that of the script, first on `sys.path`."""
        key = (start, folder)
        if key not in self._closures:
            roots = self._roots(folder)
            found, rest = {start}, [start]
            while rest:
                path = rest.pop()
                for one in outline_of(self.files, path).imports:
                    new = [file for file in resolve(self.files, one, path, roots) if file not in found]
                    found.update(new)
                    rest.extend(new)
            self._closures[key] = tuple(sorted(found))
        return self._closures[key]

    def _roots(self, folder: str) -> list[str]:
        first = "" if folder == "." else folder
        return list(dict.fromkeys((first, "", "src")))

    def _files(self, paths: Iterable[str]) -> tuple[CodeFile, ...]:
        paths = set(paths)
        if not paths:
            return ()
        looked = ((path, self.files.lookup(path)) for path in sorted(paths))
        return tuple(CodeFile(path, *found) for path, found in looked if found)

    def _check_script(self, word: str) -> None:
        path = inside(word, self.root)
        if "${" in word or path is None or not path.endswith(".py") or self.files.lookup(path):
            return
        folder, _, name = path.rpartition("/")
        near = _close(name, self.files.names(folder))
        fix = f"Did you mean {near}?" if near else f"Paths count from the project's folder, {self.root or '.'}."
        raise ModelyardError(f"there is no file `{word}`", code="missing-file", fix=fix)

    def _check_function(self, path: str, module: str, function: str) -> None:
        names = outline_of(self.files, path).names
        if names is None or not function or function in names:
            return
        near = _close(function, list(names))
        has = ", ".join(f"`{name}`" for name in names[:8]) or "nothing"
        fix = f"Did you mean {near}?" if near else f"{path} defines {has}."
        raise ModelyardError(
            f"{path} has no function `{function}` (from `{module}:{function}`)", code="missing-function", fix=fix
        )


def _is_python(word: str) -> bool:
    return word == sys.executable or ("py" in word and _PYTHON.match(word.rpartition("/")[2]) is not None)


def _fill(word: str, params: Mapping[str, Any], item: Any) -> str:
    def value(match: re.Match[str]) -> str:
        found = params.get(match[1]) if match[1] else item
        return match[0] if found is None or isinstance(found, dict | list) else str(found)

    return _FILLED_IN.sub(value, word)


def _close(name: str, known: list[str]) -> str:
    from modelyard.nearest import nearest

    return " or ".join(f"`{match}`" for match in nearest(name, known, 2))
