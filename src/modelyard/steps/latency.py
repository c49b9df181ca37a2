"""How long a model takes for one request, on this machine."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.inference.session import Model
from modelyard.inference.tabular import encode_columns

_WARM_UP, _RUNS = 5, 60


def measure_latency(folder: Path) -> dict[str, float]:
    """`p50_ms`, `p99_ms` and `mean_ms` of single requests, after a warm-up, on one thread."""
    model = Model.load(folder, threads=1)
    feeds = example_feeds(model)
    times = []
    for _ in range(_WARM_UP + _RUNS):
        start = time.perf_counter()
        model.run(feeds)
        times.append((time.perf_counter() - start) * 1000)
    kept = np.array(times[_WARM_UP:])
    return {"p50_ms": float(np.median(kept)), "p99_ms": float(np.percentile(kept, 99)), "mean_ms": float(kept.mean())}


def example_feeds(model: Model) -> dict[str, Any]:
    """One request's worth of input, of the right shapes and types."""
    if "columns" in model.signature:
        columns = {one["name"]: [(one.get("categories") or [0.0])[0]] for one in model.signature["columns"]}
        return encode_columns(columns, model.signature)
    return {
        one["name"]: np.zeros([max(size, 1) for size in one["shape"]], np.float32) for one in model.signature["inputs"]
    }
