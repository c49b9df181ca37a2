"""What becomes of each section: addresses, kinds, ports."""

import pytest
from graph_builders import FLIGHTS, FLIGHTS_FILES, Project, addresses, reads, without_code

from modelyard.graph import compile_graph
from modelyard.graph.compile.compilation import resources_of
from modelyard.graph.model import Resources, Retries
from modelyard.spec.model import running as declared

SCENES = """
sources:
  scenes: {type: images, path: s3://b/scenes, labels: yolo}
training:
  detector: {data: sources.scenes, engine: ultralytics, model: yolov8n.yaml}
registry:
  digits: {from: training.detector}
serving:
  api: {model: registry.digits}
"""
LOOP_CODE = {"m.py": "def make(item): ...\ndef concat(parts): ...\n"}


def test_nodes_come_in_topological_order_ties_by_section_then_name(project: Project) -> None:
    assert addresses(project.flights()) == [
        "steps.tables", "steps.tidy", "sources.flights", "sources.weather", "expectations.flights", "features.weather",
        "features.weather.online", "training.late.features", "training.late", "training.late.evaluate", "tuning.late",
        "tuning.late.evaluate", "registry.late", "serving.api", "monitoring.drift",
    ]  # fmt: skip


def test_ports_are_bound_as_data_flows(project: Project) -> None:
    nodes = project.flights().nodes
    assert reads(nodes["steps.tidy"]) == {"flights": "steps.tables:dir"}
    assert reads(nodes["sources.flights"]) == {"data": "steps.tidy:table"}
    assert reads(nodes["training.late.features"]) == {
        "train": "sources.flights:train", "val": "sources.flights:val", "test": "sources.flights:test",
        "view_weather": "features.weather:table",
    }  # fmt: skip
    assert reads(nodes["tuning.late"]) == {"train": "training.late.features:train", "val": "training.late.features:val"}
    assert reads(nodes["tuning.late.evaluate"]) == {"model": "tuning.late:model", "data": "training.late.features:test"}
    assert reads(nodes["registry.late"]) == {"model": "tuning.late:model", "metrics": "tuning.late.evaluate:metrics"}
    assert nodes["serving.api"].inputs["version"].follow
    assert nodes["monitoring.drift"].after == ("expectations.flights", "serving.api")


def test_how_a_node_runs_is_beside_its_config(project: Project) -> None:
    nodes = project.flights().nodes
    tidy = nodes["steps.tidy"]
    assert tidy.retries == Retries(3, 10.0)
    assert tidy.timeout == 900.0
    assert nodes["training.late"].resources == Resources(cpu=2.0, memory=4 << 30)
    assert not {"retries", "timeout", "resources", "runtime", "inputs"} & set(tidy.config)


def test_only_the_training_itself_has_other_machines_and_a_join_no_gpu() -> None:
    asked = declared.Resources(cpu=2, gpu=1, gpu_type="NVIDIA-L4", nodes=2)
    assert resources_of(asked, "train") == Resources(cpu=2, gpu=1, gpu_type="NVIDIA-L4", nodes=2)
    assert resources_of(asked, "evaluate") == Resources(cpu=2, gpu=1, gpu_type="NVIDIA-L4")
    assert resources_of(asked, "join") == Resources(cpu=2)


def test_a_slice_outside_of_the_columns_is_kept_for_the_evaluation_only(project: Project) -> None:
    join = project.flights().nodes["training.late.features"]
    assert join.config["keep"] == {"test": ["carrier"]}


def test_a_feature_view_takes_the_timestamp_of_its_source(project: Project) -> None:
    nodes = project.flights().nodes
    assert nodes["features.weather"].config["timestamp"] == "time_hour"
    assert nodes["training.late.features"].config["features"][0]["timestamp"] == "time_hour"


def test_a_column_of_a_view_can_be_taken_alone(project: Project) -> None:
    text = FLIGHTS.replace("features: [features.weather]", "features: [features.weather:temp]")
    join = project.write(FLIGHTS_FILES).graph(text).nodes["training.late.features"]
    assert join.config["features"][0]["take"] == ["temp"]


def test_a_source_without_split_is_dealt_out_where_a_training_is_scored_on_it(project: Project) -> None:
    nodes = without_code(SCENES, project).nodes
    assert nodes["sources.scenes"].outputs == ("data", "train", "val", "test")
    assert nodes["sources.scenes"].config["split"]["fractions"] == {"train": 0.7, "val": 0.15, "test": 0.15}
    assert reads(nodes["training.detector"]) == {"train": "sources.scenes:train", "val": "sources.scenes:val"}
    assert reads(nodes["training.detector.evaluate"])["data"] == "sources.scenes:test"


def test_a_source_without_split_stays_whole_where_other_data_scores_it(project: Project) -> None:
    text = SCENES.replace("yolov8n.yaml}", "yolov8n.yaml, evaluate: sources.fresh}").replace(
        "training:\n", "  fresh: {type: images, path: s3://b/fresh, labels: yolo}\ntraining:\n"
    )
    nodes = without_code(text, project).nodes
    assert nodes["sources.scenes"].outputs == ("data",)
    assert reads(nodes["training.detector"]) == {"train": "sources.scenes:data"}
    assert reads(nodes["training.detector.evaluate"])["data"] == "sources.fresh:data"


@pytest.mark.parametrize(
    ("severity", "data", "gated"),
    [
        ("error", "sources.scenes", {"training.detector", "training.detector.evaluate"}),
        ("error", "sources.scenes:test", {"training.detector.evaluate"}),
        ("warn", "sources.scenes", set()),
    ],
)
def test_an_expectation_stands_before_every_reader(project: Project, severity: str, data: str, gated: set[str]) -> None:
    expect = "[expect_image_count_to_be_between: {min_value: 1}]"
    check = f"expectations:\n  e: {{data: {data}, severity: {severity}, expect: {expect}}}\n"
    nodes = without_code(check + SCENES, project).nodes
    assert {address for address, node in nodes.items() if "expectations.e" in node.after} == gated


def test_a_pinned_version_is_served_without_following(project: Project) -> None:
    server = without_code(SCENES.replace("registry.digits}", "registry.digits@7}"), project).nodes["serving.api"]
    assert (server.config["version"], server.inputs, server.after) == (7, {}, ("registry.digits",))


def test_tracking_is_a_service_only_where_its_ui_is_asked_for(project: Project) -> None:
    assert "tracking" not in without_code(SCENES, project).nodes
    asked = without_code(SCENES + "tracking: {ui: 5055}\n", project).nodes["tracking"]
    assert (asked.role, asked.config["port"]) == ("service", 5055)


def test_foreach_over_a_list_is_a_node_an_item_and_one_that_joins(project: Project) -> None:
    text = "steps:\n  y: {call: 'm:make', foreach: [2012, 2013], join: 'm:concat', outputs: {out: {}}}\n"
    nodes = without_code(text, project.write(LOOP_CODE)).nodes
    assert addresses_and_kinds(nodes) == {
        "steps.y[2012]": "function",
        "steps.y[2013]": "function",
        "steps.y": "function",
    }
    assert nodes["steps.y[2013]"].config["item"] == 2013
    assert reads(nodes["steps.y"]) == {"part_0": "steps.y[2012]:out", "part_1": "steps.y[2013]:out"}
    assert nodes["steps.y"].config["call"] == "m:concat"


def addresses_and_kinds(nodes: dict) -> dict[str, str]:
    return {address: node.kind for address, node in nodes.items()}


def test_foreach_items_that_are_no_words_are_numbered(project: Project) -> None:
    text = "steps:\n  y: {run: 'echo ${item}', foreach: [a b, a b, {k: 1}], outputs: {out: {}}}\n"
    assert addresses(without_code(text, project)) == ["steps.y[0]", "steps.y[1]", "steps.y[2]", "steps.y"]


def test_foreach_over_an_input_is_one_node(project: Project) -> None:
    text = (
        "steps:\n  a: {run: 'true', outputs: {out: {}}}\n"
        "  b: {call: 'm:make', inputs: {p: steps.a}, foreach: inputs.p, join: 'm:concat', outputs: {out: {}}}\n"
    )
    config = without_code(text, project.write(LOOP_CODE)).nodes["steps.b"].config
    assert (config["foreach"], config["join"]) == ({"input": "p"}, "m:concat")


def test_when_skips_a_step_and_what_needs_it(project: Project) -> None:
    text = (
        "steps:\n  a: {run: 'true', params: {size: 0}, when: params.size > 0, outputs: {out: {}}}\n"
        "  b: {run: 'true', inputs: {x: steps.a}, outputs: {out: {}}}\n"
        "  c: {run: 'true', inputs: {x: steps.b}}\n  d: {run: 'true'}\n"
    )
    graph = without_code(text, project)
    assert addresses(graph) == ["steps.d"]
    assert graph.settings["skipped"] == {
        "steps.a": "`when: params.size > 0` is false",
        "steps.b": "needs steps.a, which is skipped",
        "steps.c": "needs steps.b, which is skipped",
    }


def test_secrets_stay_references(project: Project) -> None:
    graph = project.flights()
    assert graph.settings["notifications"]["ops"]["url"] == ["${secret.OPS_URL}"]
    assert graph.nodes["monitoring.drift"].config["notifications"]["ops"]["url"] == ["${secret.OPS_URL}"]


def test_marks_lead_to_the_lines_of_the_spec(project: Project) -> None:
    nodes = project.flights().nodes
    lines = FLIGHTS.splitlines()
    mark = nodes["training.late"].marks["params.max_iter"]
    assert "max_iter" in lines[int(mark.removeprefix("mlops.yaml:")) - 1]
    mark = nodes["tuning.late"].marks["training.params.max_iter"]
    assert "max_iter" in lines[int(mark.removeprefix("mlops.yaml:")) - 1]
    mark = nodes["training.late"].marks["resources"]
    assert "resources:" in lines[int(mark.removeprefix("mlops.yaml:")) - 1]
    mark = nodes["training.late.evaluate"].marks["metrics"]
    assert "evaluate:" in lines[int(mark.removeprefix("mlops.yaml:")) - 1]


def test_when_knows_variables_and_items(project: Project) -> None:
    text = (
        "variables: {full: {type: bool, default: false}}\nsteps:\n  a: {run: 'true', when: var.full}\n"
        "  b: {run: 'true', foreach: [1, 2, 3], when: item > 1, outputs: {out: {}}}\n"
    )
    assert addresses(without_code(text, project)) == ["steps.b[2]", "steps.b[3]", "steps.b"]
    given = compile_graph(project.spec(text, variables={"full": "true"}))
    assert "steps.a" in given.nodes
