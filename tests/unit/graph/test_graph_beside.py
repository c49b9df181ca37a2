"""Services that a target brings beside the project's own: MLflow on PostgreSQL, Prometheus and Grafana."""

import pytest
from graph_builders import FLIGHTS, FLIGHTS_FILES, Project, without_code

from modelyard.errors import ErrorGroup
from modelyard.graph import compile_graph
from modelyard.graph.fingerprint import node_identity

ENDPOINT = """
sources: {points: {type: table, path: s3://b/points.csv}}
training: {line: {data: sources.points, columns: [x], target: y, engine: sklearn, model: Ridge}}
registry: {line: {from: training.line}}
serving: {api: {model: registry.line, auth: ["${secret.ONE}", two]}}
"""


def flights_on(project: Project, target: str) -> str:
    project.write(FLIGHTS_FILES)
    return f"{FLIGHTS}\ntarget: {target}\n"


def test_who_records_waits_for_the_server_and_nobody_is_another_for_that(project: Project) -> None:
    plain = compile_graph(project.spec(flights_on(project, "compose")))
    graph = compile_graph(project.spec(flights_on(project, "{compose: {postgres: true}}")))
    assert [address for address in graph.nodes if address not in plain.nodes] == ["tracking.database", "tracking"]
    waiting = {address for address, node in graph.nodes.items() if "tracking" in node.after}
    assert {"training.late", "training.late.evaluate", "tuning.late", "registry.late", "monitoring.drift"} <= waiting
    assert not {"steps.tidy", "sources.flights", "serving.api"} & waiting
    assert all(node_identity(graph.nodes[address]) == node_identity(node) for address, node in plain.nodes.items())


def test_records_are_at_the_server_and_an_image_is_what_is_named(project: Project) -> None:
    graph = project.graph("target: {compose: {postgres: 'postgres:16@sha256:0'}}\ntracking: {ui: 5001}")
    assert graph.settings["tracking"] == {
        "uri": "http://127.0.0.1:5001", "ui": {"port": 5001}, "mirrors": [], "served": True,
    }  # fmt: skip
    assert graph.nodes["tracking.database"].config == {"image": "postgres:16@sha256:0"}
    assert graph.nodes["tracking"].config["port"] == 5001


def test_artifacts_in_a_bucket_are_the_servers_business_alone(project: Project) -> None:
    plain = compile_graph(project.spec(flights_on(project, "{compose: {postgres: true}}")))
    graph = compile_graph(project.spec(flights_on(project, "{compose: {postgres: true, artifacts: s3://b/m}}")))
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    bucket = {"url": "s3://b/m", "env": {key: f"${{secret.{key}}}" for key in keys}}
    assert graph.nodes["tracking"].config["artifacts"] == bucket
    assert graph.settings == plain.settings
    others = graph.nodes.keys() - {"tracking"}
    assert all(node_identity(graph.nodes[address]) == node_identity(plain.nodes[address]) for address in others)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("target: {compose: {postgres: true}}\ntracking: {uri: http://mlflow}", "or at `tracking.uri`, not in both"),
        ("target: {compose: {postgres: true}}\ntracking: {ui: 0}", "needs a port that is known"),
        ("target: {compose: {artifacts: 's3://b'}}", "MLflow server on PostgreSQL, which is not asked for"),
        (
            "target: {compose: {postgres: true, artifacts: {url: 's3://b', env: {AWS_SECRET_ACCESS_KEY: word}}}}",
            "`AWS_SECRET_ACCESS_KEY` is written out",
        ),
        ("target: {compose: {observe: true}}", "there is no endpoint to watch"),
    ],
)
def test_what_does_not_go_together_is_told_at_its_place(project: Project, text: str, said: str) -> None:
    with pytest.raises(ErrorGroup) as told:
        project.graph(text)
    assert [said in error.what and error.where is not None for error in told.value.errors] == [True]


def test_every_endpoint_is_watched_with_the_first_of_its_tokens(project: Project) -> None:
    graph = without_code(f"version: 1\nproject: p\n{ENDPOINT}\ntarget: {{compose: {{observe: 3001}}}}", project)
    prometheus, grafana = graph.nodes["observe.prometheus"], graph.nodes["observe.grafana"]
    assert prometheus.config["endpoints"] == {"serving.api": {"token": "${secret.ONE}"}}
    assert (prometheus.after, grafana.after) == (("serving.api",), ("observe.prometheus",))
    assert grafana.config["port"] == 3001


def test_a_target_without_them_has_none(project: Project) -> None:
    off = without_code(f"version: 1\nproject: p\n{ENDPOINT}\ntarget: {{compose: {{observe: false}}}}", project)
    assert not [address for address in off.nodes if address.startswith(("observe", "tracking"))]
