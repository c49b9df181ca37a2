"""What `validate -e prod` says of a spec for a cluster: what only this machine sees is an error at its line."""

from pathlib import Path
from unittest.mock import patch

import pytest

from modelyard.errors import ErrorGroup
from modelyard.spec import load_spec

SPEC = """\
version: 1
project: p
target: {kubernetes: {TARGET}}
sources: {a: {type: table, path: DATA}}
training: {late: {data: sources.a, columns: [x], target: y, engine: sklearn, model: Ridge}}
registry: {late: {from: training.late}}
serving: {api: {model: registry.late, SERVING}}
"""
FAR = "s3://bucket/a.parquet"
STORE = "namespace: ml, store: 10Gi"


def mistakes(folder: Path, target: str, more: str = "", serving: str = "port: 8080", data: str = FAR) -> list[str]:
    """`line address: what`, of all that is wrong; `target` are settings of the cluster."""
    text = SPEC.replace("TARGET", target).replace("SERVING", serving).replace("DATA", data)
    (folder / "mlops.yaml").write_text(f"{text}{more}\n")
    with patch("modelyard.spec.unsupported.UNSUPPORTED", ()):
        try:
            load_spec(folder / "mlops.yaml")
        except ErrorGroup as group:
            return [f"{one.where.line if one.where else 0} {one.address}: {one.what}" for one in group.errors]
    return []


def test_a_spec_that_a_cluster_can_run(tmp_path: Path) -> None:
    assert mistakes(tmp_path, STORE) == []
    assert mistakes(tmp_path, "namespace: ml", "store: {remote: s3://bucket/p}") == []


@pytest.mark.parametrize(
    ("more", "place", "what"),
    [
        ("store: {path: data/store}", "8 store.path", "below `.modelyard` only"),
        ("store: {remote: /mnt/share}", "8 store.remote", "`/mnt/share` is a folder of this machine"),
        ("store: {remote: 'file:///mnt'}", "8 store.remote", "is a folder of this machine"),
        ("state: {uri: 'sqlite:///x.db'}", "8 state.uri", "a file of this machine"),
        ("tracking: {uri: 'sqlite:///x.db'}", "8 tracking.uri", "a file of this machine"),
        ("tracking: {uri: 'http://m:5000', ui: true}", "8 tracking.ui", "has its own UI"),
    ],
)
def test_what_only_this_machine_sees(tmp_path: Path, more: str, place: str, what: str) -> None:
    (found,) = mistakes(tmp_path, STORE, more)
    assert found.startswith(f"{place}: ")
    assert what in found


def test_a_kind_of_gpu_without_any_gpu_is_refused(tmp_path: Path) -> None:
    (tmp_path / "make.py").touch()
    made = "steps: {a: {run: python make.py, outputs: {out: {type: files}}, resources: RESOURCES}}"
    found = mistakes(tmp_path, STORE, made.replace("RESOURCES", "{gpu_type: nvidia-l4}"))
    assert found == ["8 steps.a.resources.gpu_type: `gpu_type: nvidia-l4` has no effect: no GPU is asked for"]
    assert mistakes(tmp_path, STORE, made.replace("RESOURCES", "{gpu_type: nvidia-l4, gpu: 1}")) == []


@pytest.mark.parametrize(
    ("dns", "place"),
    [("addresses: 10.0.0.2", "target.kubernetes.dns.addresses"), ("ports: [0]", "target.kubernetes.dns.ports")],
)
def test_where_names_are_looked_up(tmp_path: Path, dns: str, place: str) -> None:
    assert mistakes(tmp_path, f"{STORE}, dns: {{namespaces: dns, addresses: 10.0.0.2/32, ports: 1053}}") == []
    (found,) = mistakes(tmp_path, f"{STORE}, dns: {{{dns}}}")
    assert place in found


@pytest.mark.parametrize("more", ["store: {remote: '${secret.STORE}'}", "tracking: {uri: '${secret.MLFLOW}'}"])
def test_a_secret_may_be_the_whole_address(tmp_path: Path, more: str) -> None:
    assert mistakes(tmp_path, STORE, more) == []


def test_pods_need_a_store(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, "namespace: ml")
    assert found.startswith("3 target.kubernetes: pods have no store")


@pytest.mark.parametrize(
    ("target", "key", "what"),
    [
        ("expose: {ingress: nginx}", "expose.ingress", "no names"),
        ("expose: {domain: a.b}", "expose.domain", "nothing shows"),
        ("expose: {domain: a.b, ingress: nginx, gateway: g}", "expose.gateway", "by one way"),
        ("secrets: external", "secrets", "none is named"),
        ("queue: q", "queue", "without Kueue"),
        ("env: {A: 'x ${secret.B}'}", "env.A", "one secret, whole"),
        ("namespace: My_Space", "namespace", "not a namespace"),
        ("gpu: {}", "gpu", "unknown key"),
    ],
)
def test_settings_that_mean_nothing(tmp_path: Path, target: str, key: str, what: str) -> None:
    (found,) = mistakes(tmp_path, f"store: 10Gi, {target}")
    assert found.startswith(f"3 target.kubernetes.{key}: ")
    assert what in found


@pytest.mark.parametrize(
    ("replicas", "place", "what"),
    [
        ("{min: 0, max: 2}", "7 serving.api.replicas.min", "only KServe"),
        ("{min: 3, max: 2}", "7 serving.api.replicas", "`min` is larger"),
    ],
)
def test_numbers_of_servers(tmp_path: Path, replicas: str, place: str, what: str) -> None:
    (found,) = mistakes(tmp_path, STORE, serving=f"replicas: {replicas}")
    assert found.startswith(f"{place}: ")
    assert what in found


def test_kserve_starts_the_first_server_when_it_is_asked(tmp_path: Path) -> None:
    target = f"{STORE}, operators: {{serving: kserve}}"
    assert mistakes(tmp_path, target, serving="replicas: {min: 0, max: 2}") == []


def test_data_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    found = mistakes(tmp_path, STORE, data="a.csv")
    assert found == ["4 sources.a.path: `a.csv` is on this machine, where no pod sees it"]


def test_a_monitor_needs_a_volume_that_pods_share(tmp_path: Path) -> None:
    monitor = "monitoring: {drift: {data: serving.api, reference: sources.a, checks: [DataDriftPreset]}}"
    assert mistakes(tmp_path, STORE, monitor) == []
    (found,) = mistakes(tmp_path, "namespace: ml", f"store: {{remote: s3://b/p}}\n{monitor}")
    assert found.startswith("9 monitoring.drift: a monitor reads")
