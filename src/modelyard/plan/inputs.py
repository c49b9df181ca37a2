"""What a node's input ports will carry, as far as that is known before anything runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from modelyard.graph.model import Node, Ref
from modelyard.plan.definition import Reason
from modelyard.plan.quantities import short_digest
from modelyard.task import Artifact


class HasOutputs(Protocol):
    @property
    def outputs(self) -> Mapping[str, Artifact]: ...


@dataclass(frozen=True, slots=True)
class Outputs:
    """Outputs as they are known now."""

    outputs: Mapping[str, Artifact]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A node's inputs: digests where known; `unknown` names the node that each other port waits for."""

    digests: Mapping[str, str]
    unknown: Mapping[str, str]

    def with_earlier(self, earlier: Mapping[str, str]) -> dict[str, str]:
        """Unknown ports filled with what they carried last time."""
        return {**{port: earlier.get(port, "") for port in self.unknown}, **self.digests}

    def with_unknown(self, digest: str) -> Mapping[str, str]:
        return {**dict.fromkeys(self.unknown, digest), **self.digests} if self.unknown else self.digests

    def reasons(self) -> tuple[Reason, ...]:
        """`after training.detector` for each node that is waited for."""
        return tuple(Reason("after", node, note="known after apply") for node in dict.fromkeys(self.unknown.values()))

    def changed(
        self, node: Node, earlier: Mapping[str, str], earlier_refs: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[Reason]:
        """One reason for each port that carries something else than last time, and each that is new or gone."""
        told = set()
        for port in sorted(node.inputs.keys() | earlier_refs.keys()):
            ref, old = node.inputs.get(port), earlier_refs.get(port)
            was = f"{old['node']}:{old['output']}" if old else None
            if ref is None or old is None:
                yield Reason("input", f"inputs.{port}", was, str(ref) if ref else None)
                continue
            digest, before = self.digests.get(port), earlier.get(port)
            if digest is None or digest == before:
                continue
            if str(ref) != was:
                yield Reason("input", f"inputs.{port}", was, str(ref))
            elif ref.node not in told:
                told.add(ref.node)
                shown = short_digest(before) if before else None
                yield Reason("input", ref.node, shown, short_digest(digest), note="has new content")


class KnownOutputs:
    """Outputs by node; None for a node whose outputs are not known yet.

    A record's outputs are looked at when something reads them: of 10,000 unchanged nodes most are never asked.
    """

    def __init__(self) -> None:
        self._outputs: dict[str, HasOutputs | None] = {}

    def set(self, address: str, source: HasOutputs | None) -> None:
        self._outputs[address] = source

    def pending(self, address: str) -> bool:
        return self._outputs.get(address) is None

    def digest(self, ref: Ref) -> str | None:
        source = self._outputs.get(ref.node)
        artifact = source.outputs.get(ref.output) if source else None
        return artifact.digest if artifact else None

    def digests(self, node: Node) -> dict[str, str] | None:
        """The digest of every input port, or None while one of them is unknown."""
        known = self._outputs
        found = {}
        for port, ref in node.inputs.items():
            source = known.get(ref.node)
            artifact = source.outputs.get(ref.output) if source else None
            if artifact is None:
                return None
            found[port] = artifact.digest
        return found

    def resolve(self, node: Node) -> Resolved:
        digests: dict[str, str] = {}
        unknown: dict[str, str] = {}
        for port, ref in node.inputs.items():
            digest = self.digest(ref)
            if digest is None:
                unknown[port] = ref.node
            else:
                digests[port] = digest
        return Resolved(digests, unknown)
