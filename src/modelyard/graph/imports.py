"""What a Python file imports, and which files of the project that is. Nothing is executed."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from modelyard.errors import ModelyardError, Place
from modelyard.graph.files import ProjectFiles

_FACT = f"python{sys.version_info.major}.{sys.version_info.minor}:"


@dataclass(frozen=True, slots=True)
class Imported:
    """One import: `level` dots, a module, and the names taken from it (each may be a module too)."""

    level: int
    module: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outline:
    """What one file imports, and the names it defines at its top (None: cannot be told, as with `import *`)."""

    imports: tuple[Imported, ...]
    names: tuple[str, ...] | None


def outline_of(files: ProjectFiles, path: str) -> Outline:
    """Read from the cache by digest, parsed where it is new. Raises ModelyardError (code `syntax`)."""
    found = files.lookup(path)
    if found is None:
        return Outline((), None)
    key = _FACT + found[0]
    fact = files.fact(key)
    if fact is not None:
        return _from_fact(fact)
    outline = parse(files.read(path), path)
    names = None if outline.names is None else list(outline.names)
    files.keep_fact(key, [[[one.level, one.module, list(one.names)] for one in outline.imports], names])
    return outline


def _from_fact(fact: Any) -> Outline:
    imports, names = fact
    return Outline(
        tuple(Imported(level, module, tuple(taken)) for level, module, taken in imports),
        None if names is None else tuple(names),
    )


def parse(source: bytes, path: str) -> Outline:
    """Outline Python source. Raises ModelyardError (code `syntax`) at the line and column of a mistake."""
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(source)
    except SyntaxError as error:
        raise _syntax_error(error.msg, path, error.lineno or 1, error.offset or 1) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise _syntax_error(str(error) or "nested too deeply to be read", path, 1, 1) from None
    imports = tuple(one for node in ast.walk(tree) for one in _imports(node))
    return Outline(imports, _top_names(tree))


def _syntax_error(message: str, path: str, line: int, column: int) -> ModelyardError:
    return ModelyardError(
        f"Python cannot read this: {message}",
        where=Place(path, line, max(column, 1)),
        code="syntax",
        fix="Mend the file: a step that runs it, or imports it, cannot start.",
    )


def _imports(node: Any) -> list[Imported]:
    import ast

    if isinstance(node, ast.Import):
        return [Imported(0, alias.name) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [Imported(node.level, node.module or "", tuple(alias.name for alias in node.names))]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        module = node.args[0].value
        if called in {"import_module", "__import__"} and isinstance(module, str) and module.strip("."):
            level = len(module) - len(module.lstrip("."))
            return [Imported(level, module.lstrip("."))]
    return []


def _top_names(tree: Any) -> tuple[str, ...] | None:
    """Names that a module has after import, as far as its text tells. Branches and `try` count as run."""
    import ast

    names: list[str] = []
    rest = list(tree.body)
    while rest:
        node = rest.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names += [alias.asname or alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        else:
            rest = [
                child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt | ast.ExceptHandler)
            ] + rest
    return None if "*" in names or "__getattr__" in names else tuple(dict.fromkeys(names))


def resolve(files: ProjectFiles, one: Imported, importer: str, roots: Sequence[str]) -> list[str]:
    """The project's files that an import loads, packages' `__init__.py` included; empty for what is not the project's.

    `roots` are the folders of `sys.path` that belong to the project, the first one wins, as in Python.
    """
    if one.level:
        folder = PurePosixPath(importer).parent
        for _ in range(one.level - 1):
            folder = folder.parent
        return _walk(files, str(folder), one)
    for root in roots:
        found = _walk(files, root, one)
        if found:
            return found
    return []


def _walk(files: ProjectFiles, folder: str, one: Imported) -> list[str]:
    found: list[str] = []
    here = "" if folder == "." else folder
    for part in one.module.split(".") if one.module else ():
        here = f"{here}/{part}" if here else part
        package = f"{here}/__init__.py"
        if files.lookup(package):
            found.append(package)
        elif files.lookup(f"{here}.py"):
            return [*found, f"{here}.py"]
    if not one.module and files.lookup(own := f"{here}/__init__.py" if here else "__init__.py"):
        found.append(own)
    for name in one.names:
        module = f"{here}/{name}" if here else name
        found += [path for path in (f"{module}/__init__.py", f"{module}.py") if files.lookup(path)][:1]
    return found
