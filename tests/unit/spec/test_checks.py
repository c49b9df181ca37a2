"""Every mistake across sections is told at its place, with what would be right."""

# ruff: noqa: E501 - a case a line reads as a table

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.errors import ModelyardError
from modelyard.spec import LoadedSpec

HEAD = "version: 1\nproject: p\n"
CSV = "flight_id,carrier,distance,arr_delay,time_hour,origin\n1,AA,3,4,2013-01-01,EWR\n"
FLIGHTS = "sources: {f: {type: table, path: f.csv, timestamp: time_hour, split: {train: 70%, val: 15%, test: 15%, by: time}}}\n"
LATE = "training: {t: {data: sources.f, engine: sklearn, model: HistGradientBoostingClassifier, target: {late: arr_delay > 15}}}\n"
REGISTERED = FLIGHTS + LATE + "registry: {m: {from: training.t}}\n"
SERVED = REGISTERED + "serving: {api: {model: registry.m}}\n"
Mistakes = Callable[..., list[ModelyardError]]


@pytest.fixture
def found(mistakes: Mistakes, write: Callable[..., Path]) -> Callable[[str], dict[str, ModelyardError]]:
    """Mistakes by address, in a project with a table, a script and a module."""
    write(CSV, "f.csv")
    write("print(1)\n", "make.py")
    write("import os\n\ndef tidy(rows):\n    return rows\n\nclass Net:\n    pass\n", "prepare.py")
    return lambda text: {str(error.address): error for error in mistakes(HEAD + text)}


@pytest.fixture
def fine(spec: Callable[..., LoadedSpec], found: Any) -> Callable[[str], LoadedSpec]:
    return spec


Case = tuple[str, str, str]
CASES: list[Case] = [
    # what is written, where it is wrong, what is said
    ("steps: {a: {run: python make.py, inputs: {x: sources.none}}}", "steps.a.inputs.x", "no `sources.none`"),
    ("steps: {a: {run: python make.py, inputs: {x: step.b}}}", "steps.a.inputs.x", "no section `step`"),
    ("steps: {a: {run: python make.py, inputs: {x: serving.b}}}", "steps.a.inputs.x", "`serving.b` is a server"),
    (FLIGHTS + "steps: {a: {run: python make.py, inputs: {x: 'sources.f:tset'}}}", "steps.a.inputs.x", "did you mean `test`"),
    ("steps: {a: {run: python make.py}, b: {run: python make.py, inputs: {x: steps.a}}}", "steps.b.inputs.x", "no outputs"),
    ("steps: {a: {run: python make.py, outputs: [p, q]}, b: {run: python make.py, inputs: {x: steps.a}}}", "steps.b.inputs.x", "`steps.a:p`"),
    ("steps: {a: {}}", "steps.a", "neither `run` nor `call`"),
    ("steps: {a: {run: python make.py, call: 'prepare:tidy'}}", "steps.a.call", "both `run` and `call`"),
    ("steps: {a: {run: python mak.py}}", "steps.a.run", "did you mean `make.py`"),
    ("steps: {a: {call: 'prepare:tidi'}}", "steps.a.call", "did you mean `tidy`"),
    ("steps: {a: {call: 'prepar:tidy'}}", "steps.a.call", "did you mean `prepare`"),
    ("steps: {a: {run: python make.py, join: 'prepare:tidy'}}", "steps.a.join", "without `foreach`"),
    ("steps: {a: {run: python make.py, foreach: [], outputs: [o]}}", "steps.a.foreach", "empty"),
    ("steps: {a: {run: python make.py, foreach: inputs.z, outputs: [o]}}", "steps.a.foreach", "nothing to loop over"),
    ("steps: {a: {run: python make.py, when: param.x > 1}}", "steps.a.when", "did you mean `params`"),
    ("steps: {a: {run: python make.py, when: params.y, params: {x: 1}}}", "steps.a.when", "`params` has no `y`"),
    ("sources: {f: {type: table}}", "sources.f", "`path` is missing"),
    ("sources: {f: {type: table, path: g.csv}}", "sources.f.path", "did you mean `f.csv`"),
    ("sources: {f: {type: table, path: '*.parquet'}}", "sources.f.path", "no file fits"),
    ("sources: {f: {type: files, path: ../../etc/passwd}}", "sources.f.path", "outside of the project"),
    ("sources: {f: {type: files, path: /etc/passwd}}", "sources.f.path", "outside of the project"),
    ("sources: {f: {type: table, path: f.csv, labels: yolo}}", "sources.f.labels", "only for sources of type images"),
    ("sources: {f: {type: table, path: f.csv, key: flight}}", "sources.f.key", "did you mean `flight_id`"),
    ("sources: {f: {type: table, path: f.csv, split: {train: 70%, val: 20%}}}", "sources.f.split", "90%"),
    ("sources: {f: {type: table, path: f.csv, split: {train: 100%, by: time}}}", "sources.f.split.by", "`timestamp: COLUMN`"),
    ("sources: {f: {type: table, path: f.csv, split: {train: 100%, by: group}}}", "sources.f.split.by", "needs a column"),
    ("sources: {f: {type: images, path: '.', split: {train: 100%, by: time}}}", "sources.f.split.by", "no time"),
    (FLIGHTS + "expectations: {e: {data: sources.f, expect: [expect_image]}}", "expectations.e.expect[0]", "of tables"),
    (FLIGHTS + "expectations: {e: {data: sources.f, expect: [{expect_column_to_exist: {colum: a}}]}}", "expectations.e.expect[0].expect_column_to_exist.colum", "did you mean `column`"),
    (FLIGHTS + "expectations: {e: {data: sources.f, expect: [expect_column_to_exist]}}", "expectations.e.expect[0].expect_column_to_exist", "needs `column`"),
    (FLIGHTS + "expectations: {e: {data: sources.f, expect: [{expect_column_values_to_not_be_null: {column: carier}}]}}", "expectations.e.expect[0].expect_column_values_to_not_be_null.column", "did you mean `carrier`"),
    (FLIGHTS + "features: {w: {source: sources.f, entity: [orign], columns: {a: distance}}}", "features.w.entity", "did you mean `origin`"),
    (FLIGHTS + "features: {w: {source: sources.f, entity: origin, columns: {a: distanc}}}", "features.w.columns.a", "did you mean `distance`"),
    (FLIGHTS + "features: {w: {source: sources.f, entity: origin, columns: {a: {sum: distance}}}}", "features.w.columns.a", "a column and a length"),
    ("sources: {f: {type: table, path: f.csv}}\nfeatures: {w: {source: sources.f, entity: origin, columns: {a: distance}}}", "features.w", "timestamp"),
    (FLIGHTS + "training: {t: {data: sources.f, engine: sklern}}", "training.t.engine", "did you mean `sklearn`"),
    (FLIGHTS + "training: {t: {data: sources.f, engine: sklearn, target: y}}", "training.t", "`model` is missing"),
    (FLIGHTS + "training: {t: {data: sources.f, engine: sklearn, model: Rige, target: distance}}", "training.t.model", "did you mean `Ridge`"),
    (FLIGHTS + "training: {t: {data: sources.f, engine: sklearn, model: Ridge, target: delay}}", "training.t.target", "not a column of sources.f"),
    (FLIGHTS + "training: {t: {data: sources.f, engine: sklearn, model: Ridge, target: distance, columns: [carier]}}", "training.t.columns[0]", "did you mean `carrier`"),
    (FLIGHTS + "training: {t: {data: sources.f, engine: sklearn, model: Ridge, target: distance, params: {alfa: 1}}}", "training.t.params.alfa", "did you mean `alpha`"),
    (FLIGHTS + "training: {t: {data: sources.f, engine: sklearn, model: Ridge, target: distance, params: {random_state: 1}}}", "training.t.params.random_state", "Use `seed`"),
    (FLIGHTS + "training: {t: {data: sources.f, engine: sklearn, model: Ridge, target: distance, run: a}}", "training.t.run", "means nothing to engine sklearn"),
    (FLIGHTS + "training: {t: {data: sources.f, engine: sklearn, model: Ridge, target: distance, evaluate: {metrics: [r3]}}}", "training.t.evaluate.metrics", "It has: mae, mape, r2, rmse"),
    (FLIGHTS + "training: {t: {data: sources.f, engine: ultralytics, model: yolov8n.yaml}}", "training.t.data", "learns from images"),
    (FLIGHTS + "training: {t: {data: sources.f, engine: torch, call: 'prepare:Nett', task: classify, target: carrier}}", "training.t.call", "did you mean `Net`"),
    (FLIGHTS + "training: {t: {data: sources.f, engine: torch, call: 'prepare:Net', target: carrier}}", "training.t", "`task` is missing"),
    ("sources: {s: {type: images, path: '.'}}\ntraining: {t: {data: sources.s, engine: ultralytics, model: yolov8n.yaml, params: {lr: 1}}}", "training.t.params.lr", "not a parameter of ultralytics"),
    (FLIGHTS + LATE + "tuning: {u: {training: training.t, maximize: roc_acu, space: {max_iter: [1, 2]}}}", "tuning.u.maximize", "did you mean `roc_auc`"),
    (FLIGHTS + LATE + "tuning: {u: {training: training.t, maximize: f1, space: {max_itr: [1, 2]}}}", "tuning.u.space.max_itr", "did you mean `max_iter`"),
    (FLIGHTS + LATE + "tuning: {u: {training: training.t, maximize: f1, space: {max_iter: {from: 9, to: 2}}}}", "tuning.u.space.max_iter.to", "not larger"),
    (FLIGHTS + LATE + "tuning: {u: {training: training.t, maximize: f1, space: {max_iter: {from: 0, to: 2, log: true}}}}", "tuning.u.space.max_iter.from", "above 0"),
    (FLIGHTS + LATE + "tuning: {u: {training: training.t, space: {max_iter: [1, 2]}}}", "tuning.u", "neither `maximize` nor `minimize`"),
    (FLIGHTS + LATE + "registry: {m: {from: training.t, gate: metrics.roc_acu > 0.7}}", "registry.m.gate", "did you mean `roc_auc`"),
    (FLIGHTS + LATE + "registry: {m: {from: training.t, gate: [metric.f1 > 0.7]}}", "registry.m.gate[0]", "did you mean `metrics`"),
    (FLIGHTS + LATE + "registry: {m: {from: training.t, gate: [metrics.f1 = 0.7]}}", "registry.m.gate[0]", "write `==`"),
    (FLIGHTS + LATE + "registry: {m: {from: sources.f}}", "registry.m.from", "a training or a study"),
    (REGISTERED + "serving: {api: {model: training.t}}", "serving.api.model", "a registered model"),
    (REGISTERED + "serving: {api: {model: registry.m@stging}}", "serving.api.model", "never promoted to `stging`"),
    (SERVED + "monitoring: {d: {data: serving.api, reference: 'sources.f:train', checks: [DataDrift]}}", "monitoring.d.checks[0]", "DataDriftPreset"),
    (SERVED + "monitoring: {d: {data: serving.api, reference: sources.f, checks: [ValueDrift]}}", "monitoring.d.checks[0].ValueDrift", "needs `column`"),
    (SERVED + "monitoring: {d: {data: serving.api, reference: sources.f, checks: [DataDriftPreset], when: {if: check.a, then: {notify: ops}}}}", "monitoring.d.when.if", "did you mean `checks`"),
    (SERVED + "monitoring: {d: {data: serving.api, reference: sources.f, checks: [DataDriftPreset], when: {if: checks.a, then: {notify: ops}}}}", "monitoring.d.when.then.notify", "no `notifications.ops`"),
    ("policies: {p: {deny: plan.gpu_hour > 8}}", "policies.p.deny", "did you mean `gpu_hours`"),
    ("policies: {p: {message: no}}", "policies.p", "one of `deny` and `warn`"),
    ("secrets: {X: {}}", "secrets.X", "lives in one place"),
]  # fmt: skip


def told(error: ModelyardError) -> str:
    return f"{error.what} {error.fix or ''}"


def near(found: dict[str, ModelyardError], address: str) -> list[ModelyardError]:
    """Mistakes at an address; one value that stands for a list of one may be told with or without its index."""
    return [error for at, error in found.items() if at.replace("[0]", "") == address.replace("[0]", "")]


@pytest.mark.parametrize(("text", "address", "words"), CASES, ids=[f"{case[1]}-{case[2]}" for case in CASES])
def test_mistakes(found: Any, text: str, address: str, words: str) -> None:
    errors = near(found(text), address)
    assert any(words in told(error) for error in errors), [f"{at}: {told(one)}" for at, one in found(text).items()]
    assert all(error.where for error in errors)


def test_a_metric_is_pointed_at_with_its_columns(found: Any) -> None:
    error = found(FLIGHTS + LATE + "registry: {m: {from: training.t, gate: [metrics.roc_acu >= 0.85]}}")[
        "registry.m.gate[0]"
    ]
    line = "registry: {m: {from: training.t, gate: [metrics.roc_acu >= 0.85]}}"
    assert (error.where.column, error.where.end_column) == (line.index("roc_acu") + 1, line.index("roc_acu") + 8)
    assert error.what == "`roc_acu` is not a metric of training.t"


def test_cycles_are_named_in_full(found: Any) -> None:
    steps = "".join(
        f"  {name}: {{run: python make.py, inputs: {{x: 'steps.{other}:o'}}, outputs: [o]}}\n"
        for name, other in (("a", "b"), ("b", "c"), ("c", "a"))
    )
    (error,) = found("steps:\n" + steps).values()
    assert error.what == "waits for itself: steps.a → steps.b → steps.c → steps.a"


def test_a_thing_cannot_read_itself(found: Any) -> None:
    (error,) = found("steps: {a: {run: python make.py, inputs: {x: steps.a}, outputs: [o]}}").values()
    assert "steps.a → steps.a" in error.what


def test_what_a_rule_would_run_is_refused_at_its_line(found: Any) -> None:
    rule = "{if: checks.drift_share > 0.3, then: {run: registry.m}}"
    spec = f"monitoring: {{d: {{data: serving.api, reference: sources.f, checks: [DataDriftPreset], when: {rule}}}}}\n"
    errors = found(SERVED + spec)
    assert list(errors) == ["monitoring.d.when[0].then[0].run"]


def test_ports_are_taken_once(found: Any) -> None:
    text = REGISTERED + "serving: {a: {model: registry.m}, b: {model: registry.m}, c: {model: registry.m, port: 0}}\n"
    assert list(found(text)) == ["serving.b.port"]


def test_columns_are_not_guessed_where_they_are_not_known(fine: Any) -> None:
    fine(
        "steps: {s: {run: python make.py, outputs: {t: {type: table}}}}\n"
        "sources: {f: {type: table, path: 'steps.s:t', key: whatever}}\n"
        "training: {t: {data: sources.f, engine: sklearn, model: Ridge, target: anything}}\n"
    )


def test_installed_modules_and_script_variables_are_let_through(fine: Any) -> None:
    fine(
        "steps: {a: {call: 'json:dumps'}, b: {run: 'python ${params.script}', params: {script: x.py}}, c: {run: /bin/true}}\n"
    )


UNSUPPORTED_CASES = [
    ("pipeline: {schedule: '0 3 * * 1'}", "pipeline.schedule"),
    (FLIGHTS + "pipeline: {triggers: [sources.f]}", "pipeline.triggers"),
    ("sources: {q: {type: sql, url: 'sqlite:///a', query: select 1}}", "sources.q.type"),
    ("sources: {f: {type: table, path: f.csv, incremental: true}}", "sources.f.incremental"),
    (FLIGHTS + "training: {t: {data: sources.f@old, engine: sklearn, model: Ridge, target: distance}}", "training.t.data"),
    (SERVED + "expectations: {e: {data: serving.api, expect: [expect_column_to_exist]}}", "expectations.e.data"),
    (FLIGHTS + "training: {t: {data: sources.f, engine: lightgbm}}", "training.t.engine"),
    (FLIGHTS + LATE + "tuning: {u: {training: training.t, objectives: {f1: maximize, latency_ms: minimize}, space: {max_iter: [1, 2]}}}", "tuning.u.objectives"),
    (FLIGHTS + LATE + "tuning: {u: {training: training.t, maximize: f1, pruner: threshold, space: {max_iter: [1, 2]}}}", "tuning.u.pruner"),
    (FLIGHTS + LATE + "registry: {m: {from: training.t, promote: {production: {approvals: 1}}}}", "registry.m.promote.production"),
    (REGISTERED + "serving: {api: {model: registry.m, rollout: {steps: [5%]}}}", "serving.api.rollout"),
    (REGISTERED + "serving: {api: {model: registry.m, shadow: registry.m@1}}", "serving.api.shadow"),
    (REGISTERED + "serving: {api: {model: registry.m, replicas: 3}}", "serving.api.replicas"),
    ("pipeline: {concurrency: 2}", "pipeline.concurrency"),
    ("tracking: {mirrors: [tensorboard, wandb]}", "tracking.mirrors[1]"),
    ("secrets: {X: {keyring: modelyard}}", "secrets.X.keyring"),
    ("runtime: {isolate: true}", "runtime.isolate"),
    ("steps: {a: {run: python make.py, runtime: {image: a/b}}}", "steps.a.runtime.image"),
    ("steps: {a: {run: python make.py, resources: {nodes: 2}}}", "steps.a.resources.nodes"),
    ("steps: {a: {run: python make.py, resources: {gpu: 1, gpu_type: NVIDIA-L4}}}", "steps.a.resources.gpu_type"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "address"), UNSUPPORTED_CASES, ids=[case[1] for case in UNSUPPORTED_CASES])
def test_what_is_not_built_is_refused_at_its_line(found: Any, text: str, address: str) -> None:
    error = found(text)[address]
    assert error.what.endswith("not supported yet")
    assert error.code == "not-supported"
    assert error.where.line >= 3


def test_a_cluster_has_kinds_of_gpus_and_trains_on_several_machines(found: Any) -> None:
    refused = found(
        "sources: {s: {type: files, path: .}}\n"
        "target: {kubernetes: {namespace: ml}}\n"
        "steps: {a: {run: python make.py, resources: {gpu: 1, gpu_type: NVIDIA-L4, nodes: 2}}}\n"
        "training: {t: {data: sources.s, engine: command, run: torchrun train.py, resources: {nodes: 2}}}\n"
    )
    assert "steps.a.resources.nodes" in refused
    assert not {"steps.a.resources.gpu_type", "training.t.resources.nodes"} & refused.keys()


def test_another_environment_may_have_what_is_not_built(fine: Any) -> None:
    assert fine("environments: {prod: {runtime: {isolate: true}}}\n").spec.target.name == "local"


def test_the_readme_lists_what_is_not_built() -> None:
    from modelyard.spec.unsupported import UNSUPPORTED

    readme = Path(__file__).parents[3] / "README.md"
    if not readme.exists():
        pytest.skip("no README yet")
    text = readme.read_text()
    assert [one.name for one in UNSUPPORTED if one.name not in text] == []


def test_a_loop_over_a_list_has_a_bound(found, fine):
    text = "steps: {a: {run: python make.py, outputs: {o: {type: files}}, foreach: [%s]}}"
    error = found(text % ", ".join(map(str, range(10_001))))["steps.a.foreach"]
    assert "10,001 items, and 10,000 are allowed" in error.what
    assert "foreach: inputs.NAME" in error.fix
    assert len(fine(text % ", ".join(map(str, range(10_000)))).spec.steps["a"].foreach) == 10_000
