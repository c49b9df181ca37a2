"""What `validate -e prod` says of an endpoint that Seldon cannot be, and how its graph follows versions."""

from pathlib import Path

import pytest

from modelyard.errors import ErrorGroup
from modelyard.graph import compile_graph
from modelyard.graph.data import uri_only
from modelyard.spec import load_spec

SPEC = """\
version: 1
project: p
target: {kubernetes: {namespace: ml, store: 1Gi, operators: {serving: seldon-v2}}}
store: {remote: 's3://b/p'}
sources: {a: {type: table, path: 's3://b/a.parquet', split: {train: 70%, val: 15%, test: 15%}}}
training: {late: {data: sources.a, columns: [x], target: y, engine: sklearn, model: Ridge}}
registry: {late: {from: training.late}}
serving: {api: {model: registry.late}}
"""
MONITOR = "monitoring: {m: {data: serving.api, reference: 'sources.a:train', checks: [DataDriftPreset], every: 1h}}\n"


def mistakes(folder: Path, text: str) -> list[tuple[str | None, str]]:
    (folder / "mlops.yaml").write_text(text)
    try:
        load_spec(folder / "mlops.yaml", environ={})
    except ErrorGroup as group:
        return [(one.address, one.what) for one in group.errors]
    return []


def test_a_plain_endpoint_is_fine(tmp_path):
    assert mistakes(tmp_path, SPEC) == []


@pytest.mark.parametrize(
    ("before", "after", "address", "what"),
    [
        ("store: {remote: 's3://b/p'}\n", "", "store", "from a bucket"),
        ("'s3://b/p'", "'s3://${secret.KEY}@b/p'", "store.remote", "by its plain URL"),
        ("registry.late}", "registry.late, auth: '${secret.T}'}", "serving.api.auth", "tokens: Seldon"),
        ("registry.late}", "registry.late, batch: 8}", "serving.api.batch", "batches"),
        ("registry.late}", "registry.late, log: {sample: 10%}}", "serving.api.log", "log of predictions"),
        ("registry.late}", "registry.late, resources: {cpu: 1}}", "serving.api.resources", "resources"),
        ("ml,", "ml, expose: {domain: a.b, ingress: nginx},", "target.kubernetes.expose", "seldon-mesh"),
        ("serving: {", MONITOR + "serving: {", "monitoring.m.data", "no log of predictions"),
    ],
)
def test_what_its_servers_know_nothing_of_is_refused_at_its_line(tmp_path, before, after, address, what):
    found = mistakes(tmp_path, SPEC.replace(before, after))
    assert [where for where, words in found if what in words] == [address], found


@pytest.mark.parametrize(("model", "pinned"), [("registry.late", False), ("registry.late@3", True)])
def test_each_run_names_the_version_where_no_server_follows_a_stage(tmp_path, model, pinned):
    def endpoint(text):
        (tmp_path / "mlops.yaml").write_text(text.replace("api: {model: registry.late}", f"api: {{model: {model}}}"))
        return compile_graph(load_spec(tmp_path / "mlops.yaml", environ={}), data=uri_only).nodes["serving.api"]

    by_seldon, by_itself = endpoint(SPEC), endpoint(SPEC.replace(", operators: {serving: seldon-v2}", ""))
    assert by_seldon.inputs["version"].follow is False
    assert [ref.follow for ref in by_itself.inputs.values()] == ([] if pinned else [True])
