"""When an object has come to what was asked of it."""

from typing import Any

import pytest

from modelyard.targets.kubernetes.readiness import readiness

UP = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}


def state(kind: str, spec: Any = None, generation: int = 1, **status: Any) -> tuple[str, str]:
    obj = {"kind": kind, "metadata": {"name": "a", "generation": generation}, "spec": spec or {}, "status": status}
    found = readiness(obj)
    return found.state, found.text


def condition(kind: str, status: str = "True", **more: str) -> list[dict[str, str]]:
    return [{"type": kind, "status": status, **more}]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (state("Deployment", {"replicas": 2}, **UP), "ready"),
        (state("Deployment", {"replicas": 2}), "waiting"),
        (state("Deployment", {"replicas": 2}, generation=2, **UP), "waiting"),
        (state("Deployment", {"replicas": 2}, **{**UP, "availableReplicas": 1}), "waiting"),
        (state("Deployment", {"replicas": 2}, **{**UP, "replicas": 3}), "waiting"),
        (state("Deployment", {"replicas": 0}, observedGeneration=1), "ready"),
        (
            state("Deployment", **UP, conditions=condition("Progressing", "False", reason="ProgressDeadlineExceeded")),
            "failed",
        ),
        (state("StatefulSet", {"replicas": 1}, **UP, updateRevision="a", currentRevision="a"), "ready"),
        (state("StatefulSet", {"replicas": 1}, **UP, updateRevision="b", currentRevision="a"), "waiting"),
        (state("StatefulSet", {"replicas": 1}), "waiting"),
        (state("Job", conditions=condition("Complete")), "ready"),
        (state("Job", conditions=condition("Failed", message="deadline")), "failed"),
        (state("Job", {"suspend": True}), "waiting"),
        (state("Job", active=1), "waiting"),
        (state("PersistentVolumeClaim", phase="Pending"), "ready"),
        (state("PersistentVolumeClaim", phase="Lost"), "failed"),
        (state("ConfigMap"), "ready"),
        (state("HorizontalPodAutoscaler", conditions=condition("ScalingActive", "False")), "ready"),
        (state("InferenceService"), "waiting"),
        (state("InferenceService", conditions=condition("Ready")), "ready"),
        (state("InferenceService", conditions=condition("Ready", "False", message="no model")), "waiting"),
        (state("SeldonDeployment", state="Available"), "ready"),
        (state("SeldonDeployment", state="Failed", description="no graph"), "failed"),
        (state("TrainJob", conditions=condition("Created")), "waiting"),
        (state("TrainJob", conditions=condition("Complete")), "ready"),
        (state("Experiment", conditions=condition("Failed", message="trials failed")), "failed"),
        (state("ExternalSecret", conditions=condition("Ready", "False", message="no such key")), "waiting"),
    ],
)
def test_readiness(found: tuple[str, str], expected: str) -> None:
    assert found[0] == expected
    assert expected == "ready" or found[1]


def test_progress_counts_pods() -> None:
    assert state("Deployment", {"replicas": 2}, **{**UP, "availableReplicas": 1})[1] == "1 of 2 pods ready"


def test_what_is_being_deleted_is_not_ready() -> None:
    meta = {"name": "a", "deletionTimestamp": "2026-11-24T10:00:00Z"}
    assert readiness({"kind": "ConfigMap", "metadata": meta}).state == "waiting"
