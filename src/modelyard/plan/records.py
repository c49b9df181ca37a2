"""What a plan is handed, as it needs to see it. State and targets hold these shapes; the plan imports neither."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from modelyard.task import Artifact, TaskResult


class Applied(Protocol):
    """An address as it was applied last. `node_json` is `graph.codec.node_to_json` of the node as it was then."""

    @property
    def address(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def node_json(self) -> Mapping[str, Any]: ...
    @property
    def target(self) -> Mapping[str, Any]: ...
    @property
    def inputs(self) -> Mapping[str, str]: ...
    @property
    def outputs(self) -> Mapping[str, Artifact]: ...
    @property
    def summary(self) -> str: ...


class LiveService(Protocol):
    """A service as the target sees it now; see `modelyard.targets.base.LiveService`."""

    @property
    def status(self) -> str: ...
    @property
    def fingerprint(self) -> str | None: ...
    @property
    def detail(self) -> str: ...


class Live(Protocol):
    @property
    def services(self) -> Mapping[str, Any]: ...


Results = Callable[[str], TaskResult | None]
"""A finished result by fingerprint, from state or store."""

History = Callable[[str, str], Sequence[float]]
"""Seconds of earlier runs of an (address, kind); where the address has none, those of its kind; newest first."""

LineChanges = Callable[[str, str, str], tuple[int, int] | None]
"""(path, digest before, digest now) → lines added and removed, where the earlier text is still at hand."""


def no_results(fingerprint: str) -> TaskResult | None:
    return None


def no_history(address: str, kind: str) -> Sequence[float]:
    return ()
