"""What the compilers of all sections share while one graph is made."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Protocol

from modelyard.errors import ErrorGroup, ModelyardError, Place
from modelyard.graph.code import CodeFinder
from modelyard.graph.compile.references import References
from modelyard.graph.data import DataDigests
from modelyard.graph.environments import Environments
from modelyard.graph.marks import Marks
from modelyard.graph.model import EMPTY, CodeFile, Environment, Node, Ref, Resources, Retries, Role
from modelyard.spec.model import Spec
from modelyard.spec.model import running as declared

_RESOURCES = Resources()
_RETRIES = Retries()


class Loaded(Protocol):
    """The part of a `LoadedSpec` that compiling needs."""

    @property
    def spec(self) -> Spec: ...
    @property
    def environment(self) -> str | None: ...
    def place(self, address_or_path: str, /) -> Place | None: ...


class Compilation:
    """Collects nodes in the order of sections, and every mistake on the way, so that one error names them all."""

    def __init__(
        self,
        loaded: Loaded,
        *,
        data: DataDigests,
        code: CodeFinder | None,
        environments: Environments,
        variables: Mapping[str, Any] = EMPTY,
    ) -> None:
        self.loaded = loaded
        self.spec: Spec = loaded.spec
        self.data = data
        self.code = code
        self.environments = environments
        self.variables = variables
        self.references = References(self.spec)
        self.nodes: dict[str, Node] = {}
        self.skipped: dict[str, str] = {}
        self.gates: list[tuple[Ref, str]] = []
        self.errors: list[ModelyardError] = []

    @contextmanager
    def at(self, address: str) -> Iterator[None]:
        """Mistakes inside are of this address; they are kept, and the rest is compiled on."""
        try:
            yield
        except ErrorGroup as group:
            self.errors += [self._placed(error, address) for error in group.errors]
        except ModelyardError as error:
            self.errors.append(self._placed(error, address))

    def _placed(self, error: ModelyardError, address: str) -> ModelyardError:
        about = error.address or address
        where = error.where or self.loaded.place(about)
        return ModelyardError(
            error.what, where=where, address=about, fix=error.fix, code=error.code, details=error.details
        )

    def ref(self, address: str, at: str, *, follow: bool = False) -> Ref:
        """The output that an address names. Raises ModelyardError about `at`, where the address is written."""
        try:
            ref = self.references.output(address)
        except ModelyardError as error:
            raise self._placed(error, at) from None
        return Ref(ref.node, ref.output, follow=True) if follow else ref

    def add(
        self,
        address: str,
        kind: str,
        config: Mapping[str, Any],
        *,
        inputs: Mapping[str, Ref] = EMPTY,
        outputs: tuple[str, ...] = (),
        role: Role = "task",
        variant: str | None = None,
        running: Any = None,
        code: tuple[CodeFile, ...] = (),
        origins: Mapping[str, str] | None = None,
        environment: Environment | None = None,
        **more: Any,
    ) -> None:
        """Put a node into the graph.

        `variant` is the engine or the type of data, for the packages it can touch; `running` the section that says
        how it runs (resources, retries, timeout, runtime); `origins` where its config is written (`Marks`).
        """
        self.nodes[address] = Node(
            address=address,
            kind=kind,
            role=role,
            config=MappingProxyType(config) if type(config) is dict else config,
            inputs=MappingProxyType(inputs) if type(inputs) is dict else inputs,
            outputs=outputs,
            code=code,
            environment=environment or self.environments.of(kind, variant, getattr(running, "runtime", None)),
            resources=resources_of(getattr(running, "resources", None)),
            retries=retries_of(getattr(running, "retries", None)),
            timeout=getattr(running, "timeout", None),
            marks=Marks(self.loaded.place, config, origins or {"": address}),
            **more,
        )


def resources_of(section: declared.Resources | None) -> Resources:
    if section is None:
        return _RESOURCES
    return Resources(section.cpu, section.memory or 0, section.gpu, section.gpu_type, section.nodes)


def retries_of(section: declared.RetrySettings | None) -> Retries:
    return _RETRIES if section is None else Retries(section.times, section.backoff)
