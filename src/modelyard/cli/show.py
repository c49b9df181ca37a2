"""`modelyard show`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from modelyard.cli.options import Common, common_options, format_option
from modelyard.cli.session import Session
from modelyard.errors import ModelyardError
from modelyard.wording import counted


@click.command(
    epilog="Examples: modelyard show training.detector; modelyard show sources.scenes:test --get dataset.json --to -"
)
@common_options
@format_option("text", "json")
@click.argument("address")
@click.option("--get", "wanted", metavar="PATH", help="One file of the output ADDRESS:OUTPUT (`.`: the whole folder).")
@click.option("--to", type=click.Path(path_type=Path, allow_dash=True), default=Path("-"), help="Where to put it.")
def command(common: Common, form: str, address: str, wanted: str | None, to: Path) -> None:
    """One address: its settings, its last result with metrics and outputs; or a file of an output."""
    session = Session(common)
    name, _, output = address.partition(":")
    node = session.node(name)
    with session.state() as state:
        record = state.applied(session.graph.environment).get(name)
        runs = state.runs(session.graph.environment, name, limit=5)
    if output or wanted:
        if record is None:
            raise ModelyardError(f"{name} was not applied yet", fix=f"`modelyard apply --select +{name}`")
        if output not in record.outputs:
            raise ModelyardError(f"{name} has no output `{output}`", fix=f"It has: {', '.join(record.outputs)}")
        _output(session, record.outputs[output].digest, wanted, to)
        return
    facts: dict[str, Any] = {
        "address": name, "kind": node.kind, "config": dict(node.config),
        "inputs": {port: str(ref) for port, ref in node.inputs.items()}, "outputs": list(node.outputs),
        "applied": None, "runs": [{"run_id": r.run_id, "status": r.status, "started_at": r.started_at} for r in runs],
    }  # fmt: skip
    if record is not None:
        facts["applied"] = {
            "fingerprint": record.fingerprint, "at": record.applied_at, "by": record.by, "run_id": record.run_id,
            "seconds": record.seconds, "metrics": dict(record.metrics), "summary": record.summary,
            "outputs": {key: asdict(artifact) for key, artifact in record.outputs.items()},
        }  # fmt: skip
    click.echo(json.dumps(facts, indent=2, ensure_ascii=False) if form == "json" else "\n".join(_lines(facts)))


def _output(session: Session, digest: str, wanted: str | None, to: Path) -> None:
    if wanted is None:
        for entry in session.store.manifest(digest):
            click.echo(f"{entry['size']:>12,}  {entry['path']}")
        return
    if wanted == ".":
        if str(to) == "-":
            raise ModelyardError("a folder cannot go to stdout", fix="Name a new folder: --to DIR.")
        session.store.materialize(digest, to, writable=True)
        return
    with session.store.open_file(digest, wanted) as stored:
        data = stored.read()
    if str(to) == "-":
        sys.stdout.buffer.write(data)
    else:
        to.write_bytes(data)


def _lines(facts: dict[str, Any]) -> list[str]:
    from modelyard.plan.quantities import age, duration, short_digest, size

    lines = [f"{facts['address']}  ({facts['kind']})", *_section("config", facts["config"])]
    lines += _section("reads", facts["inputs"])
    applied = facts["applied"]
    if applied is None:
        return [*lines, "not applied yet"]
    lines.append(f"applied {age(applied['at'])} by {applied['by']}, {short_digest(applied['fingerprint'])}, "
                 f"in {duration(applied['seconds'])}")  # fmt: skip
    lines += _section("metrics", {name: f"{value:.4f}" for name, value in applied["metrics"].items()})
    lines += _section("made", {
        name: f"{short_digest(a['digest'])}  {counted(a['files'], 'file')}, {size(a['bytes'])}"
        for name, a in applied["outputs"].items()
    })  # fmt: skip
    lines += _section(
        "runs", {run["run_id"][:8]: f"{run['status']}, {age(run['started_at'])}" for run in facts["runs"]}
    )
    return lines


def _section(title: str, values: dict[str, Any]) -> list[str]:
    if not values:
        return []
    width = max(len(name) for name in values)
    texts = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in values.items()
    }
    return [title, *(f"  {name:<{width}}  {text}" for name, text in texts.items())]
