"""Manifests of 1,000 steps: at most 1.5 times `kubectl kustomize` of the very same objects.

Both are timed as whole processes: ours loads the spec, compiles the graph and writes the folder; kustomize reads it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from measure import alternate, need, result

STEPS = 1000
GOAL = 1.5
RENDER = """\
import sys
from pathlib import Path
from modelyard.graph import compile_graph
from modelyard.graph.data import uri_only
from modelyard.spec import load_spec
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.rendering import render_files
from modelyard.targets.kubernetes.settings import Cluster

graph = compile_graph(load_spec(Path("mlops.yaml")), data=uri_only)
images = {role: f"registry.example.com/{role}@sha256:{'0' * 64}" for role in ("tasks", "serving", "tracking")}
cluster = Cluster(namespace="ml")
out = Path("rendered")
for path, content in render_files(graph, Scope(graph.project, "prod", "ml"), cluster, images).items():
    (out / path).parent.mkdir(parents=True, exist_ok=True)
    (out / path).write_bytes(content)
"""


def spec() -> str:
    """A chain of steps, each reading what the one before it has made."""
    lines = ["version: 1", "project: big", "store: {remote: s3://bucket/big}", "steps:"]
    for number in range(STEPS):
        before = f"inputs: {{before: steps.s{number - 1:04d}:out}}, " if number else ""
        lines.append(
            f'  s{number:04d}: {{run: "python step.py ${{outputs.out}}", {before}outputs: {{out: {{type: files}}}}}}'
        )
    return "\n".join(lines) + "\n"


def kustomization(folder: Path) -> str:
    """All objects, those that the pipeline makes included: what `render` has written is what is read."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml"))
    listed = "".join(f"- {path}\n" for path in files if path != "kustomization.yaml")
    return f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n{listed}"


kubectl = need("kubectl")
with tempfile.TemporaryDirectory() as home:
    root = Path(home)
    (root / "step.py").write_text("")
    (root / "mlops.yaml").write_text(spec())
    (root / "render.py").write_text(RENDER)
    ours = [sys.executable, "render.py"]
    subprocess.run(ours, cwd=root, check=True)
    peer = root / "peer"
    (root / "rendered").rename(peer)
    (peer / "kustomization.yaml").write_text(kustomization(peer))
    objects = len(list(peer.rglob("*.yaml"))) - 1
    mine, theirs = alternate(ours, [kubectl, "kustomize", str(peer)], root, root, runs=1)
print(f"{objects} objects of {STEPS} steps: {mine:.2f} s, kubectl kustomize {theirs:.2f} s")
result("kubernetes-render", mine, theirs, GOAL)
