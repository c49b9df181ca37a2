"""1,000 stages with nothing to do: at least 30 times faster than `dvc repro`."""

import tempfile
from pathlib import Path

from dvc import as_run, dvc, project
from measure import MODELYARD, alternate, result
from plan_vs_terraform import as_applied, spec_of

COUNT = 1000

with tempfile.TemporaryDirectory() as home:
    ours, peer = Path(home, "ours"), Path(home, "peer")
    ours.mkdir()
    peer.mkdir()
    (ours / "mlops.yaml").write_text(spec_of(COUNT))
    as_applied(ours)
    project(peer, COUNT)
    as_run(peer, COUNT)
    a, b = alternate((*MODELYARD, "apply", "--auto-approve"), (dvc(), "repro", "-q"), ours, peer, runs=2)
print(f"{COUNT} steps with nothing to do: modelyard apply {a:.2f} s, dvc repro {b:.2f} s")
result("noop-apply-1000", a, b, round(1 / 30, 4))
