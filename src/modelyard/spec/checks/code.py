"""The user's code that a spec names: files that exist, functions that are defined in them."""

import ast
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from modelyard.nearest import did_you_mean
from modelyard.spec.checks.findings import At, Findings

_INTERPRETERS = ("python", "python3", "bash", "sh")
_SUFFIXES = (".py", ".sh")


class Code:
    """Looks at each file once."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.root = findings.loaded.root
        self._missing: dict[str, bool] = {}

    def check_call(self, at: At, call: str) -> None:
        """`module:function`: the project's own module, or an installed one."""
        module, _, function = call.partition(":")
        path = self._module(module)
        if path is None:
            if not _installed(module.partition(".")[0]):
                what = f"there is no module `{module}` in the project"
                fix = did_you_mean(module, self._modules(), "Modules here")
                self.findings.add(at, what, fix or f"Write {module.replace('.', '/')}.py", "call")
            return
        defined = _defined(path, path.stat().st_mtime_ns)
        if isinstance(defined, str):
            self.findings.add(at, f"{path.name} cannot be read as Python: {defined}", "", "call")
        elif function not in defined:
            start = len(module) + 1
            what = f"{path.name} defines no `{function}`"
            hint = did_you_mean(function, defined, "It defines") or f"Define `def {function}(…)` there"
            self.findings.add_within(at, call, (start, len(function)), what, fix=hint, code="call")

    def check_command(self, at: At, argv: tuple[str, ...]) -> None:
        """`python make.py …`: the script is there."""
        script = argv[1] if len(argv) > 1 and argv[0] in _INTERPRETERS else argv[0]
        if not script.endswith(_SUFFIXES) or "${" in script:
            return
        if script not in self._missing:
            self._missing[script] = not (self.root / script).is_file()
        if self._missing[script]:
            near = [path.name for path in self.root.glob(f"*{Path(script).suffix}")]
            hint = did_you_mean(Path(script).name, near, "Scripts here")
            self.findings.add(at, f"there is no file `{script}` in the project", hint, "file")

    def _module(self, module: str) -> Path | None:
        base = self.root.joinpath(*module.split("."))
        for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if path.is_file():
                return path
        return None

    def _modules(self) -> list[str]:
        return [path.stem for path in self.root.glob("*.py")]


@lru_cache(maxsize=256)
def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


@lru_cache(maxsize=256)
def _defined(path: Path, _changed: int) -> tuple[str, ...] | str:
    """Names that a module has at its top, or why it cannot be read."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, OSError) as error:
        line = getattr(error, "lineno", None)
        return f"{getattr(error, 'msg', None) or error}" + (f" (line {line})" if line else "")
    names: list[str] = []
    for node in ast.walk(tree) if any(isinstance(one, (ast.If, ast.Try)) for one in tree.body) else tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names += [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return tuple(dict.fromkeys(names))
