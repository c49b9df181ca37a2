"""A no-op plan of N steps against `terraform plan` of N `terraform_data` resources."""

import subprocess
import tempfile
from pathlib import Path

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
    resources = "".join(f'resource "terraform_data" "s{n:05}" {{\n  input = {n}\n}}\n' for n in range(count))
    (folder / "main.tf").write_text(resources)
    for argv in (["init"], ["apply", "-auto-approve"]):
        subprocess.run([terraform, *argv, "-no-color"], cwd=folder, check=True, stdout=subprocess.DEVNULL)


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
