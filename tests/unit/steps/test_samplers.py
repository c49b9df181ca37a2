"""Samplers that need a package of their own."""

import optuna
import pytest

from modelyard.errors import ModelyardError
from modelyard.steps.tuning import study


def test_cmaes_draws_with_what_the_train_extra_installs():
    config = {"sampler": "cmaes", "seed": 3, "space": {"x": {"from": 0, "to": 1}, "y": {"from": 0, "to": 1}}}
    made = optuna.create_study(sampler=study.make_sampler(config, 0))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    made.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1), n_trials=4)
    assert len(made.trials) == 4


@pytest.mark.parametrize(("sampler", "package", "extra"), [("cmaes", "cmaes", "train"), ("gp", "torch", "vision")])
def test_a_missing_package_is_said_before_the_first_trial(monkeypatch, sampler, package, extra):
    monkeypatch.setattr(study, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(ModelyardError, match=f"`{package}`, which is not installed") as error:
        study.make_sampler({"sampler": sampler, "space": {}}, 0)
    assert error.value.fix == f"pip install 'modelyard[{extra}]'"
