"""What of a study Katib has its own words for, and what it has none for."""

SAMPLERS = {"tpe": "tpe", "random": "random", "grid": "grid", "cmaes": "cmaes", "qmc": "sobol"}
"""Samplers, and Katib's algorithms."""

LINEAR = frozenset({"cmaes", "qmc"})
"""Goptuna draws these, which does not read a parameter's distribution: no logarithmic scale."""

PRUNERS = {"none": None, "median": "medianstop"}
"""Pruners, and Katib's early stopping."""


def algorithm_of(sampler: str, parameters: int) -> str:
    """TPE over several parameters is Optuna's own in Katib too, which draws them together, as it does here."""
    return "multivariate-tpe" if sampler == "tpe" and parameters > 1 else SAMPLERS[sampler]
