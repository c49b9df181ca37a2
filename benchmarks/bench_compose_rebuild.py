"""A changed file of the user's, on Compose: at most 15 s until the step has run again, in an image built anew."""

import time

from compose_flights import apply, docker, flights
from measure import result

STEP, BAR = "steps.tables", 15.0

with flights() as root:
    apply(root, STEP)
    before = docker("images", "--quiet", "--filter", f"label=dev.modelyard.root={root}").split()
    script = root / "make_tables.py"
    script.write_text(f"{script.read_text()}\n# changed\n")
    began = time.perf_counter()
    apply(root, STEP)
    seconds = time.perf_counter() - began
    after = docker("images", "--quiet", "--filter", f"label=dev.modelyard.root={root}").split()
print(f"from a changed file to the step run again: {seconds:.1f} s")
result("compose-rebuild", seconds, BAR, 1.0, extra=set(after) > set(before))
