"""The declared environment of each node: the lock's versions of what its kind and engine can touch."""

from typing import Protocol

from modelyard.graph.lock import Lock, normal_name
from modelyard.graph.model import Environment
from modelyard.graph.touches import runs_user_code, touched


class Declared(Protocol):
    """A `runtime:` section."""

    @property
    def python(self) -> str | None: ...
    @property
    def packages(self) -> tuple[str, ...]: ...
    @property
    def image(self) -> str | None: ...
    @property
    def isolate(self) -> bool: ...


class Environments:
    """Environments of one compilation. A node's own `runtime` wins over the project's, key by key."""

    def __init__(self, base: Declared, lock: Lock | None) -> None:
        self.base = base
        self.lock = lock
        self.unlocked: dict[str, None] = {}
        self._known: dict[tuple[str, str | None, int], Environment] = {}

    def of(self, kind: str, variant: str | None = None, own: Declared | None = None) -> Environment:
        key = (kind, variant, id(own))
        if key not in self._known:
            self._known[key] = self._make(kind, variant, own)
        return self._known[key]

    def declared(self, own: Declared | None) -> tuple[str, ...]:
        """Requirements that a node declares: its own, or the project's."""
        return own.packages if own and own.packages else self.base.packages

    def _make(self, kind: str, variant: str | None, own: Declared | None) -> Environment:
        python = (own.python if own else None) or self.base.python or (self.lock.python if self.lock else None)
        image = (own.image if own else None) or self.base.image
        isolate = own.isolate if own else self.base.isolate
        names = set(touched(kind, variant))
        if runs_user_code(kind, variant):
            asked = {normal_name(requirement) for requirement in self.declared(own)}
            self.unlocked.update(dict.fromkeys(sorted(asked - set(self.lock.packages)) if self.lock else ()))
            names |= asked
        packages = self.lock.packages if self.lock else {}
        chosen = tuple((name, packages[name]) for name in sorted(names) if name in packages)
        return Environment(python, chosen, image, isolate)
