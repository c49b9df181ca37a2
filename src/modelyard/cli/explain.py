"""`modelyard explain`."""

from typing import TYPE_CHECKING

import click

from modelyard.cli.options import Common, common_options
from modelyard.cli.session import Session
from modelyard.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelyard.graph.model import Graph, Node
    from modelyard.plan.definition import Change


@click.command(epilog="Example: modelyard explain training.detector")
@common_options
@click.argument("address")
def command(common: Common, address: str) -> None:
    """Why ADDRESS would rerun or not, what it reads, who reads what it writes, and what its fingerprint covers."""
    from modelyard.api import make_plan

    session = Session(common)
    node = session.node(address)
    plan = make_plan(session.loaded, session.graph)
    for line in _story(node, plan.by_address[address], session.graph):
        click.echo(line)


def _story(node: "Node", change: "Change", graph: "Graph") -> "Iterator[str]":
    from modelyard.plan.text import words

    yield f"{node.address}  ({node.kind}, {node.role})"
    yield f"  {words(change) if change.pending else 'unchanged: its fingerprint is that of its last result'}"
    for reason in change.reasons:
        place = f"   {reason.place}" if reason.place else ""
        yield f"    because {reason}{place}"
    yield "reads"
    for port, ref in node.inputs.items():
        yield f"  {port:<14} {ref}" + ("   (followed while it runs)" if ref.follow else "")
    if node.external:
        yield f"  {'outside data':<14} {node.external.uri}  {counted(node.external.files, 'file')}"
    for gate in node.after:
        yield f"  {'waits for':<14} {gate}"
    yield "writes"
    for output in node.outputs:
        readers = [
            other.address
            for other in graph.nodes.values()
            if any((ref.node, ref.output) == (node.address, output) for ref in other.inputs.values())
        ]
        yield f"  {output:<14} {'→ ' + ', '.join(readers) if readers else 'nobody reads it'}"
    yield "fingerprint"
    yield f"  {change.fingerprint or 'known after apply'}"
    yield f"  of its kind, its settings ({', '.join(node.config) or 'none'})" + _rest(node)


def _rest(node: "Node") -> str:
    parts = []
    if node.code:
        parts.append("code " + ", ".join(file.path for file in node.code))
    if node.environment.packages:
        parts.append("packages " + ", ".join(f"{name} {at}" for name, at in node.environment.packages))
    if node.inputs:
        parts.append("the digests of its inputs")
    return "".join(f", {part}" for part in parts)
