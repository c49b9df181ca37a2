"""Optuna's study of a node: in SQLite in its working folder, its sampler and pruner by their names."""

import logging
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from modelyard.errors import ModelyardError
from modelyard.steps.tuning.space import grid

NAME = "study"
_NEEDS = {"cmaes": ("cmaes", "train"), "gp": ("torch", "vision")}
"""Packages that Optuna imports only when a sampler first draws, and the extras that have them."""


def open_study(config: Mapping[str, Any], workdir: Path) -> optuna.Study:
    """The study as it stands, or a new one. Its trials outlive a kill."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return optuna.create_study(
        storage=storage_of(workdir),
        study_name=NAME,
        directions=list(config["objectives"].values()),
        pruner=make_pruner(config),
        load_if_exists=True,
    )


def storage_of(workdir: Path) -> optuna.storages.RDBStorage:
    # Trials in other processes write too: wait for each other rather than fail.
    return optuna.storages.RDBStorage(
        f"sqlite:///{workdir / 'study.db'}", engine_kwargs={"connect_args": {"timeout": 60}}
    )


class _Grid(optuna.samplers.GridSampler):  # type: ignore[misc]
    """Optuna's grid, which ends its own loop when it is through; here the loop is ours, and asks."""

    def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
        return None


def make_sampler(config: Mapping[str, Any], number: int) -> optuna.samplers.BaseSampler:
    """A sampler seeded by the study's seed and the trial's number.

    So a study that was killed goes on to just the trials that it would have had, though no generator's state was kept.
    """
    samplers = optuna.samplers
    name = config.get("sampler", "tpe")
    seed = (int(config.get("seed", 0)) * 1_000_003 + number) % 2**32
    constant = int(config.get("seed", 0))
    makers: dict[str, Any] = {
        "tpe": lambda: samplers.TPESampler(seed=seed, multivariate=len(config["space"]) > 1),
        "random": lambda: samplers.RandomSampler(seed=seed),
        "grid": lambda: _Grid(grid(config["space"]), seed=constant),
        "cmaes": lambda: samplers.CmaEsSampler(seed=seed),
        "gp": lambda: samplers.GPSampler(seed=seed),
        "qmc": lambda: samplers.QMCSampler(seed=constant, scramble=True, warn_asynchronous_seeding=False),
        "nsgaii": lambda: samplers.NSGAIISampler(seed=seed),
        "nsgaiii": lambda: samplers.NSGAIIISampler(seed=seed),
    }
    package, extra = _NEEDS.get(name, ("optuna", "train"))
    if find_spec(package) is None:
        what = f"the sampler `{name}` needs the Python package `{package}`, which is not installed"
        raise ModelyardError(what, fix=f"pip install 'modelyard[{extra}]'", code="missing-package")
    sampler: optuna.samplers.BaseSampler = makers[name]()
    return sampler


def make_pruner(config: Mapping[str, Any]) -> optuna.pruners.BasePruner:
    pruners = optuna.pruners
    makers: dict[str, Any] = {
        "none": pruners.NopPruner,
        "median": lambda: pruners.MedianPruner(n_startup_trials=3),
        "percentile": lambda: pruners.PercentilePruner(50.0, n_startup_trials=3),
        "hyperband": pruners.HyperbandPruner,
        "successive_halving": pruners.SuccessiveHalvingPruner,
        "patient": lambda: pruners.PatientPruner(pruners.MedianPruner(n_startup_trials=3), patience=3),
        "wilcoxon": pruners.WilcoxonPruner,
    }
    name = config.get("pruner", "none")
    if name not in makers:  # `threshold` has a bound of its own, which the language has no key for
        raise ModelyardError(f"the pruner `{name}` is not supported yet", code="not-supported-yet")
    pruner: optuna.pruners.BasePruner = makers[name]()
    return pruner


def interrupted(study: optuna.Study) -> list[int]:
    """Numbers of trials that a kill has left unfinished: they go on, with their parameters and checkpoints."""
    return [trial.number for trial in study.get_trials(deepcopy=False) if trial.state == TrialState.RUNNING]


def best_trial(study: optuna.Study) -> Any:
    """The best trial; with several objectives, of those that none beats in all, the best by the first."""
    if len(study.directions) == 1:
        return study.best_trial
    sign = 1 if study.directions[0] == optuna.study.StudyDirection.MAXIMIZE else -1
    return max(study.best_trials, key=lambda trial: (sign * trial.values[0], -trial.number))
