"""What a study leaves for people: its trials as JSON and CSV, and how the search went."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from optuna.trial import TrialState

from modelyard.steps.base import write_json
from modelyard.steps.tuning.study import best_trial


def write_results(study: optuna.Study, config: Mapping[str, Any], trials: Path, plots: Path) -> None:
    """`trials.json` and `trials.csv` in `trials`; `search.png` and `parameters.png` in `plots`."""
    rows = [_row(trial, config) for trial in study.get_trials(deepcopy=False)]
    best = best_trial(study)
    write_json(trials / "trials.json", {"objectives": config["objectives"], "best": best.number, "trials": rows})
    names = sorted(config["space"])
    with (trials / "trials.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["number", "state", *config["objectives"], *names])
        for row in rows:
            scores = [row["values"].get(name, "") for name in config["objectives"]]
            writer.writerow([row["number"], row["state"], *scores, *(row["params"].get(name, "") for name in names)])
    complete = [row for row in rows if row["state"] == "complete"]
    objective = next(iter(config["objectives"]))
    _search(complete, objective, config["objectives"][objective], plots / "search.png")
    _parameters(complete, names, objective, config["space"], plots / "parameters.png")


def _row(trial: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    values = trial.values if trial.state == TrialState.COMPLETE else None
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "values": dict(zip(config["objectives"], values, strict=True)) if values else {},
        "params": dict(sorted(trial.params.items())),
    }


def _search(rows: list[dict[str, Any]], objective: str, direction: str, path: Path) -> None:
    better = max if direction == "maximize" else min
    scores = [row["values"][objective] for row in rows]
    leader = [better(scores[: place + 1]) for place in range(len(scores))]
    figure = Figure(figsize=(5, 3.5), dpi=100, layout="tight")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    numbers = [row["number"] for row in rows]
    axes.scatter(numbers, scores, s=14)
    axes.step(numbers, leader, where="post", color="grey")
    axes.set_xlabel("trial")
    axes.set_ylabel(objective)
    figure.savefig(path, metadata={"Software": None})


def _parameters(
    rows: list[dict[str, Any]], names: list[str], objective: str, space: Mapping[str, Mapping[str, Any]], path: Path
) -> None:
    columns = min(4, len(names))
    figure = Figure(figsize=(3 * columns, 2.8 * -(-len(names) // columns)), dpi=100, layout="tight")
    FigureCanvasAgg(figure)
    for place, name in enumerate(names):
        axes = figure.add_subplot(-(-len(names) // columns), columns, place + 1)
        shown = [(row["params"][name], row["values"][objective]) for row in rows if name in row["params"]]
        words = any(not isinstance(value, (int, float)) or isinstance(value, bool) for value, _ in shown)
        axes.scatter([str(value) if words else value for value, _ in shown], [score for _, score in shown], s=12)
        axes.set_xlabel(name)
        axes.set_ylabel(objective)
        if space[name].get("log"):
            axes.set_xscale("log")
    figure.savefig(path, metadata={"Software": None})
