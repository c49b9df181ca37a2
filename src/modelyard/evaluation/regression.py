"""Metrics of a regressor."""

import numpy as np


def regression_metrics(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """`mae`, `rmse`, `r2` and `mape`; `r2` only where the truth varies, `mape` only over truths that are not zero."""
    error = predicted - truth
    found = {"mae": float(np.abs(error).mean()), "rmse": float(np.sqrt((error**2).mean()))}
    spread = float(((truth - truth.mean()) ** 2).sum())
    if spread > 0:
        found["r2"] = 1 - float((error**2).sum()) / spread
    nonzero = truth != 0
    if nonzero.any():
        found["mape"] = float(np.abs(error[nonzero] / truth[nonzero]).mean())
    return {name: value for name, value in found.items() if np.isfinite(value)}
