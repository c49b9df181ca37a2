"""A small environment as Modelyard would have it in a cluster: an endpoint, its settings, its secret, its volume."""

from typing import Any

from modelyard.targets.kubernetes.names import Scope

Object = dict[str, Any]
SCOPE = Scope("flights", "prod", "default")


def meta(name: str, address: str = "serving.api", fingerprint: str = "f1") -> Object:
    return {
        "name": f"flights-prod-{name}", "namespace": SCOPE.namespace,
        "labels": SCOPE.labels_of(address, "serving", fingerprint),
        "annotations": SCOPE.annotations_of(address, fingerprint),
    }  # fmt: skip


def config_map(name: str = "settings", **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name), "data": data or {"a": "1"}}


def secret(**data: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta("secrets"),
        "type": "Opaque",
        "data": data or {"A": "MQ=="},
    }


def claim() -> Object:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta("store"), "spec": spec}


def service() -> Object:
    spec = {"selector": SCOPE.match("serving.api"), "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta("serving-api"), "spec": spec}


def deployment(image: str = "api:1", fingerprint: str = "f1", **spec: Any) -> Object:
    container = {
        "name": "api", "image": image, "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": "http", "containerPort": 8080}], "env": [{"name": "A", "value": "1"}],
        "resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }  # fmt: skip
    pod = {"containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}]}
    template = {"metadata": {"labels": SCOPE.match("serving.api")}, "spec": pod}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("serving-api", fingerprint=fingerprint),
        "spec": {"replicas": 1, "selector": {"matchLabels": SCOPE.match("serving.api")}, "template": template, **spec},
    }  # fmt: skip


def job(name: str = "run-1", **spec: Any) -> Object:
    pod = {"restartPolicy": "Never", "containers": [{"name": "task", "image": "tasks:1"}]}
    return {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": meta(name),
        "spec": {"backoffLimit": 0, "template": {"spec": pod}, **spec},
    }  # fmt: skip


def environment() -> list[Object]:
    return [config_map(), secret(), claim(), service(), deployment()]
