"""What the compilers of all sections share while one graph is made."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from modelyard.errors import ErrorGroup, ModelyardError, Place
from modelyard.graph.code import CodeFinder
from modelyard.graph.compile.references import References
from modelyard.graph.data import DataDigests
from modelyard.graph.environments import Environments
from modelyard.graph.marks import Marks
from modelyard.graph.model import EMPTY, CodeFile, Environment, Node, Ref, Resources, Retries, Role

if TYPE_CHECKING:
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

    def at(self, address: str) -> _At:
        """Mistakes inside are of this address; they are kept, and the rest is compiled on."""
        return _At(self, address)

    def keep(self, error: ModelyardError, address: str) -> None:
        """Keep a mistake that was made at `address`, or at the place that it names itself; once, whoever met it."""
        for one in error.errors if isinstance(error, ErrorGroup) else (error,):
            placed = self._placed(one, address)
            if not any((placed.where, placed.what) == (known.where, known.what) for known in self.errors[-100:]):
                self.errors.append(placed)

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
            resources=resources_of(getattr(running, "resources", None), kind),
            retries=retries_of(getattr(running, "retries", None)),
            timeout=getattr(running, "timeout", None),
            marks=Marks(self.loaded.place, config, origins or {"": address}),
            **more,
        )


class _At:
    """A generator would do in fewer lines, and cost a tenth of the time of a large graph."""

    __slots__ = ("address", "out")

    def __init__(self, out: Compilation, address: str) -> None:
        self.out = out
        self.address = address

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if not isinstance(error, ModelyardError):
            return False
        self.out.keep(error, self.address)
        return True


def resources_of(section: declared.Resources | None, kind: str) -> Resources:
    """Of what a training asks for, its other machines are its own, and its GPUs are no use to who joins its rows."""
    if section is None:
        return _RESOURCES
    gpu, gpu_type = (0, None) if kind == "join" else (section.gpu, section.gpu_type)
    return Resources(section.cpu, section.memory or 0, gpu, gpu_type, section.nodes if kind == "train" else 1)


def retries_of(section: declared.RetrySettings | None) -> Retries:
    return _RETRIES if section is None else Retries(section.times, section.backoff)
