"""Records of runs and models in MLflow, and in the trackers that mirror it.

Recording never stops the work: what fails here is told once, and the training goes on.
"""

from modelyard.tracking.recorder import Recorder

__all__ = ["Recorder"]
