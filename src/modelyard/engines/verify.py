"""Whether the ONNX file says what the model said that was trained."""

import numpy as np

from modelyard.errors import ModelyardError

_TOLERANCE = 1e-3
_SHARE = 0.01  # float32 rounds a threshold now and then: a tree may then send a row the other way


def check_same(native: np.ndarray, exported: np.ndarray, tolerance: float = _TOLERANCE) -> None:
    """Raise ModelyardError where more than 1% of the rows differ by more than the tolerance (relative above 1)."""
    native, exported = np.asarray(native, np.float64), np.asarray(exported, np.float64)
    native, exported = native.reshape(len(native), -1), exported.reshape(len(exported), -1)
    if native.shape != exported.shape:
        raise ModelyardError(
            f"the exported model answers in another shape: {exported.shape}, not {native.shape}", code="onnx-differs"
        )
    apart = np.abs(native - exported) > tolerance * np.maximum(1, np.abs(native))
    share = float(np.any(apart, axis=1).mean()) if len(native) else 0.0
    if share > _SHARE or not np.isfinite(exported).all():
        worst = float(np.nanmax(np.abs(native - exported)))
        raise ModelyardError(
            f"the exported ONNX model differs from the trained one in {share:.0%} of the rows (by up to {worst:.3g})",
            fix="Nothing was kept. Choose another estimator, or report this as a bug of the exporter",
            code="onnx-differs",
        )
