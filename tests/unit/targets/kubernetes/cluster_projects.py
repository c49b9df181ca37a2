"""Projects as their cluster has them: both examples, and a specimen that asks for everything."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import modelyard
from modelyard.graph import compile_graph
from modelyard.graph.data import uri_only
from modelyard.graph.model import Graph
from modelyard.targets.kubernetes import rendering
from modelyard.targets.kubernetes.kinds import Object
from modelyard.targets.kubernetes.manifests import objects_of
from modelyard.targets.kubernetes.names import Scope
from modelyard.targets.kubernetes.settings import Cluster

EXAMPLES = Path(__file__).parents[4] / "examples"
IMAGES = {role: f"registry.example.com/ml/{role}@sha256:{'0' * 64}" for role in ("tasks", "serving", "tracking")}
PROD = "\nenvironments: {prod: {target: {kubernetes: {namespace: ml, store: 10Gi}}}}\n"
SPECIMEN = """\
version: 1
project: specimen
steps:
  rows: {run: "python rows.py ${outputs.rows}", outputs: {rows: {type: table}}, env: {KEY: "${secret.API_KEY}"}, timeout: 15m}
sources:
  rows: {type: table, path: steps.rows:rows, split: {train: 80%, test: 20%}}
  far: {type: table, path: "s3://bucket/far.parquet"}
training:
  line: {data: sources.rows, columns: [x], target: y, engine: sklearn, model: Ridge}
  net:
    {data: sources.rows, columns: [x], target: y, engine: torch, call: "nets:fit", task: regress, resources: {cpu: 4, memory: 16Gi, gpu: 2, gpu_type: nvidia-l4, nodes: 2}}
registry:
  line: {from: training.line}
  net: {from: training.net}
serving:
  api:
    model: registry.line
    port: 8081
    replicas: {min: 2, max: 6, requests_per_second: 50}
    resources: {cpu: 500m, memory: 1Gi}
    auth: "${secret.API_TOKENS}"
  busy: {model: registry.line, replicas: {min: 1, max: 4}}
  fixed: {model: registry.net@3, replicas: 3, resources: {cpu: 2, memory: 4Gi, gpu: 1, gpu_type: nvidia-l4}}
monitoring:
  drift:
    data: serving.api
    reference: sources.rows:train
    every: 6h
    checks: [DataDriftPreset]
    when: [{if: checks.drift_share > 0.3, then: [{notify: ops}]}]
  often: {data: serving.api, reference: sources.rows:train, window: 5000 predictions, checks: [DataDriftPreset]}
notifications: {ops: {url: "${secret.OPS_URL}"}}
pipeline: {schedule: {cron: "0 3 * * 1", zone: Europe/Berlin}}
secrets: {API_TOKENS: {kubernetes: {name: tokens, key: api}}}
store: {remote: "s3://bucket/specimen"}
state: {uri: "postgresql://modelyard:${secret.PG_PASSWORD}@pg:6432/modelyard"}
environments:
  prod:
    target:
      kubernetes:
        namespace: ml
        context: prod
        registry: registry.example.com/ml
        pull_secrets: registry
        store: {size: 50Gi, class: fast, access: ReadWriteOnce}
        tracking: {size: 20Gi, class: fast}
        expose:
          domain: models.example.com
          ingress:
            {class: nginx, tls: models-tls, controller: ingress-nginx, annotations: {cert-manager.io/cluster-issuer: letsencrypt}}
          clients: shop
          metrics: monitoring
        gpus:
          nvidia-l4: {node_selector: {cloud.google.com/gke-accelerator: nvidia-l4}}
        operators: {queue: kueue}
        queue: team-ml
        secrets: {provider: external, store: vault, path: ml/prod/, refresh: 15m}
        quota: {cpu: 64, memory: 256Gi, gpu: 8, pods: 200}
        memory: 3Gi
        env: {AWS_REGION: eu-central-1, AWS_SECRET_ACCESS_KEY: "${secret.AWS_SECRET_ACCESS_KEY}"}
        egress: [587]
        node_selector: {pool: ml}
        tolerations: [{key: ml, operator: Exists, effect: NoSchedule}]
        priority_class: batch
        service_account: {eks.amazonaws.com/role-arn: "arn:aws:iam::111122223333:role/ml"}
        keep: 1d
"""  # noqa: E501 - some tables read better in one line


@dataclass(frozen=True)
class Project:
    graph: Graph
    scope: Scope
    cluster: Cluster

    def files(self) -> dict[str, bytes]:
        with patch.object(rendering, "own_version", lambda: "0.0.0"):
            return dict(rendering.render_files(self.graph, self.scope, self.cluster, IMAGES))

    def objects(self) -> list[Object]:
        return objects_of(self.graph, self.scope, self.cluster, IMAGES)

    def one(self, kind: str, name: str = "") -> Object:
        """The only object of a kind whose name ends so."""
        (found,) = [each for each in self.objects() if each["kind"] == kind and each["metadata"]["name"].endswith(name)]
        return found


def project_of(graph: Graph) -> Project:
    cluster = Cluster.from_settings(graph.target["kubernetes"])
    return Project(graph, Scope(graph.project, graph.environment or "default", cluster.namespace), cluster)


def compiled(root: Path, text: str, files: Mapping[str, str] = {}) -> Project:
    """A spec, its environment prod. What the language has and this version does not do is let through."""
    for name, content in {**files, "mlops.yaml": text}.items():
        (root / name).write_text(content)
    with patch("modelyard.spec.unsupported.UNSUPPORTED", ()):
        loaded = modelyard.load(root / "mlops.yaml", environment="prod")
    return project_of(compile_graph(loaded, data=uri_only))


def example(root: Path, name: str) -> Project:
    files = {path.name: path.read_text() for path in (EXAMPLES / name).glob("*") if path.is_file()}
    return compiled(root, files.pop("mlops.yaml") + PROD, files)


def specimen(root: Path) -> Project:
    return compiled(root, SPECIMEN, {"rows.py": "print(1)\n", "nets.py": "def fit(data, params): ...\n"})


def small(root: Path, target: str = "store: 1Gi", more: str = "") -> Project:
    """One endpoint, and what it needs; `target` are settings of the cluster."""
    text = (
        "version: 1\nproject: small\nsources: {a: {type: table, path: 's3://b/a.parquet'}}\n"
        "training: {late: {data: sources.a, columns: [x], target: y, engine: sklearn, model: Ridge}}\n"
        "registry: {late: {from: training.late}}\nserving: {api: {model: registry.late}}\n"
        f"environments: {{prod: {{target: {{kubernetes: {{namespace: ml, {target}}}}}}}}}\n{more}"
    )
    return compiled(root, text)


PROJECTS: Mapping[str, Any] = {
    "flights": lambda root: example(root, "flights"),
    "digits": lambda root: example(root, "digits"),
    "specimen": specimen,
}
