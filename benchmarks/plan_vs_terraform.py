"""A no-op plan of N steps against `terraform plan` of N `terraform_data` resources."""

import json
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Any

from measure import MODELYARD, alternate, need, peak_memory_mb, result

MEMORY_MB = 300


def spec_of(count: int) -> str:
    """N steps that depend on nothing, like the resources they are measured against."""
    steps = "".join(
        f"  s{number:05}: {{run: [python, -c, pass], params: {{n: {number}}}, outputs: {{out: {{type: files}}}}}}\n"
        for number in range(count)
    )
    return f"version: 1\nproject: bench\nsteps:\n{steps}"


def as_applied(folder: Path) -> None:
    """Record every step as applied, with the records that `apply` itself would have written."""
    import modelyard
    from modelyard.api import open_state, open_store
    from modelyard.graph.codec import node_to_json
    from modelyard.graph.fingerprint import fingerprint
    from modelyard.state.records import AppliedRecord

    loaded = modelyard.load(folder / "mlops.yaml")
    graph = modelyard.compile_graph(loaded)
    out = folder / "out"
    out.mkdir()
    (out / "made.txt").write_text("made")
    artifact = open_store(loaded, graph).put_tree(out)
    with open_state(loaded, graph) as state:
        for node in graph.nodes.values():
            record = AppliedRecord(
                address=node.address, kind=node.kind, role=node.role, fingerprint=fingerprint(node, {}),
                node_json=node_to_json(node), outputs={"out": artifact}, run_id=node.address, seconds=0.1,
            )  # fmt: skip
            state.record_applied(graph.environment, record)


def terraform_project(folder: Path, count: int, terraform: str) -> None:
    """As N resources would be after an apply, which saves the whole state after each of them: minutes.

    One is applied; the others stand in its state as it does. A plan that found anything to do ends the benchmark.
    """
    (folder / "main.tf").write_text(_resource(0))
    for argv in (["init"], ["apply", "-auto-approve"]):
        subprocess.run([terraform, *argv, "-no-color"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (folder / "main.tf").write_text("".join(_resource(number) for number in range(count)))
    path = folder / "terraform.tfstate"
    state = json.loads(path.read_text())
    [applied] = state["resources"]
    state["resources"] = [_as_applied(applied, number) for number in range(count)]
    path.write_text(json.dumps(state, indent=2))


def _resource(number: int) -> str:
    return f'resource "terraform_data" "s{number:05}" {{\n  input = {number}\n}}\n'


def _as_applied(resource: dict[str, Any], number: int) -> dict[str, Any]:
    twin: dict[str, Any] = json.loads(json.dumps(resource))
    twin["name"] = f"s{number:05}"
    attributes = twin["instances"][0]["attributes"]
    attributes["id"] = str(uuid.uuid4())
    for name in ("input", "output"):
        attributes[name]["value"] = number
    return twin


def main(count: int, goal: float, runs: int) -> None:
    terraform = need("terraform")
    with tempfile.TemporaryDirectory() as home:
        ours, peer = Path(home, "ours"), Path(home, "peer")
        ours.mkdir()
        peer.mkdir()
        (ours / "mlops.yaml").write_text(spec_of(count))
        as_applied(ours)
        terraform_project(peer, count, terraform)
        plan = (*MODELYARD, "plan", "--detailed-exitcode")
        a, b = alternate(plan, (terraform, "plan", "-detailed-exitcode", "-no-color"), ours, peer, runs)
        memory = peak_memory_mb(plan, ours)
    print(f"{count} steps: modelyard plan {a:.2f} s, terraform plan {b:.2f} s; {memory:.0f} MB (at most {MEMORY_MB})")
    result(f"plan-{count}", a, b, goal, extra=memory <= MEMORY_MB)
