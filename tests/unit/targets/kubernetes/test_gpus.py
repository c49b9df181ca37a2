"""What a pod asks of the cluster, by what its node of the graph needs."""

import pytest

from modelyard.graph.model import Resources
from modelyard.targets.kubernetes.gpus import PRODUCT, Room, pod_resources
from modelyard.targets.kubernetes.quantities import cores, size
from modelyard.targets.kubernetes.settings import Cluster

TAINT = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
GIB = 1 << 30


def room(cluster: Cluster | None = None, task: bool = True, **resources) -> Room:
    return pod_resources(Resources(**resources), cluster or Cluster(), task=task)


def test_a_pod_is_limited_to_what_it_asks_for():
    asked = room(cpu=2, memory=4 * GIB).resources
    assert asked == {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}}


@pytest.mark.parametrize(("cpu", "count"), [(0.5, "1"), (2, "2"), (2.5, "3")])
def test_libraries_start_as_many_threads_as_the_limit_has_cores(cpu, count):
    assert room(cpu=cpu).env == ({"name": "OMP_NUM_THREADS", "value": count},)


def test_memory_that_is_not_stated_is_the_clusters_default():
    assert room(Cluster(memory=GIB)).resources["limits"]["memory"] == "1Gi"


def test_a_task_may_share_half_of_its_memory_with_its_own_processes():
    shared = room(memory=4 * GIB)
    assert shared.volumes == ({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}},)
    assert shared.mounts == ({"name": "shm", "mountPath": "/dev/shm"},)
    assert room(task=False).volumes == ()


def test_any_gpu_will_do_where_no_type_is_named():
    asked = room(gpu=2)
    assert asked.resources["limits"]["nvidia.com/gpu"] == asked.resources["requests"]["nvidia.com/gpu"] == "2"
    assert (asked.node_selector, asked.tolerations) == ({}, (TAINT,))


@pytest.mark.parametrize(
    ("name", "resource", "selector"),
    [
        ("NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu", {PRODUCT: "NVIDIA-A100-SXM4-80GB"}),
        ("Tesla T4", "nvidia.com/gpu", {PRODUCT: "Tesla-T4"}),
        ("NVIDIA-L4-SHARED", "nvidia.com/gpu", {PRODUCT: "NVIDIA-L4-SHARED"}),
        ("mig-1g.10gb", "nvidia.com/mig-1g.10gb", {}),
        ("shared", "nvidia.com/gpu.shared", {}),
    ],
)
def test_a_type_is_what_nvidias_plugins_call_it(name, resource, selector):
    asked = room(gpu=1, gpu_type=name)
    assert asked.resources["limits"][resource] == "1"
    assert asked.node_selector == selector
    assert asked.tolerations == (TAINT,)


def test_a_cluster_says_itself_where_its_kinds_of_gpu_are():
    own = {"key": "pool", "value": "gpu", "effect": "NoSchedule"}
    settings = {
        "gpus": {
            "big": {"resource": "amd.com/gpu", "node_selector": {"pool": "big"}, "tolerations": [own]},
            "plain": {},
        },
        "node_selector": {"zone": "a"},
        "tolerations": [own],
    }
    cluster = Cluster.from_settings(settings)

    asked = room(cluster, gpu=1, gpu_type="big")
    assert asked.resources["limits"]["amd.com/gpu"] == "1"
    assert asked.node_selector == {"zone": "a", "pool": "big"}
    assert asked.tolerations == (own,)
    assert room(cluster, gpu=1, gpu_type="plain").tolerations == (own, TAINT)


def test_without_gpus_nothing_of_them_is_asked_for():
    asked = room(gpu=0, gpu_type="NVIDIA-L4")
    assert (asked.node_selector, asked.tolerations) == ({}, ())
    assert set(asked.resources["limits"]) == {"cpu", "memory"}


@pytest.mark.parametrize(("count", "text"), [(1, "1"), (0.5, "500m"), (2.25, "2250m"), (0.0001, "1m"), (16.0, "16")])
def test_cores_are_written_as_the_api_server_writes_them(count, text):
    assert cores(count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(GIB, "1Gi"), (1536 << 20, "1536Mi"), (1000, "1k"), (1 << 40, "1Ti"), (2048, "2Ki"), (10**9, "1G"), (0, "0")],
)
def test_bytes_are_written_as_the_api_server_writes_them(count, text):
    assert size(count) == text
