"""A Job and an endpoint's objects as they are on a cluster without operators."""

from typing import Any

from modelyard.graph.model import Node, Resources

Object = dict[str, Any]
LABELS = {"app.kubernetes.io/managed-by": "modelyard", "modelyard.dev/address": "training.net"}
_SECURITY = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def pod(name: str, **container: Any) -> Object:
    return {
        "serviceAccountName": "p-prod-tasks",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 30,
        "containers": [
            {
                "name": name,
                "image": "registry.example.com/p-tasks@sha256:" + "a" * 64,
                "imagePullPolicy": "IfNotPresent",
                "args": ["/etc/modelyard/node.json"],
                "env": [{"name": "HOME", "value": "/tmp"}],
                "resources": {
                    "requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "1", "memory": "2Gi"},
                },
                "securityContext": _SECURITY,
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
                **container,
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }  # fmt: skip


def job(name: str = "p-prod-training-net-1") -> Object:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "ml", "labels": LABELS, "annotations": {"a": "b"}},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": 900,
            "ttlSecondsAfterFinished": 3600,
            "podFailurePolicy": {
                "rules": [
                    {"action": "FailJob", "onExitCodes": {"containerName": "task", "operator": "In", "values": [2]}}
                ]
            },
            "template": {
                "metadata": {"labels": LABELS, "annotations": {}}, "spec": {**pod("task"), "restartPolicy": "Never"},
            },
        },
    }  # fmt: skip


def network(nodes: int = 2, gpu: int = 0, engine: str = "torch") -> Node:
    resources = Resources(gpu=gpu, nodes=nodes)
    return Node("training.net", "train", config={"engine": engine}, outputs=("model",), resources=resources)


def endpoint(scaled: bool = False, metric: Object | None = None) -> list[Object]:
    metadata = {"name": "p-prod-serving-api", "namespace": "ml", "labels": LABELS, "annotations": {"a": "b"}}
    probe = {"httpGet": {"path": "/v2/health/ready", "port": "http"}, "periodSeconds": 5}
    server = pod("server", ports=[{"name": "http", "containerPort": 8080, "protocol": "TCP"}], readinessProbe=probe)
    deployment = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
        "spec": {
            **({} if scaled else {"replicas": 2}),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS, "annotations": {"of": "pods"}}, "spec": server},
        },
    }  # fmt: skip
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": LABELS}}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    scaler = {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata,
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"]},
            "minReplicas": 2, "maxReplicas": 5, "metrics": [metric or cpu],
        },
    }  # fmt: skip
    return [service, deployment, *([scaler] if scaled else [])]


def api(minimum: int = 2, maximum: int = 2) -> Node:
    return Node("serving.api", "serve", "service", config={"replicas": {"min": minimum, "max": maximum}})
