"""`target: {kubernetes: …}`: what a cluster is told about itself. All of it has defaults that a small cluster takes."""

from typing import Annotated, Any, Literal

from pydantic import Field

from modelyard.spec.forms import tracking_volume
from modelyard.spec.model.base import ListOrOne, Section, table_of
from modelyard.spec.model.exposing import Expose
from modelyard.spec.model.object_names import Namespace, Network, ObjectName, Port, Registry
from modelyard.spec.model.values import Cpu, Duration, Memory, Text


class Images(Section):
    """Images by name, in place of those that `apply` builds."""

    tasks: str | None = Field(
        default=None, min_length=1, description="What tasks run in.", examples=["registry.example.com/ml/tasks:1"]
    )
    serving: str | None = Field(
        default=None, min_length=1, description="What servers run in.", examples=["registry.example.com/ml/serving:1"]
    )
    tracking: str | None = Field(
        default=None, min_length=1, description="The tracking server.", examples=["registry.example.com/ml/tracking:1"]
    )


class Volume(Section):
    """A claim for a volume."""

    size: Memory = Field(gt=0, description="How much.", examples=["10Gi"])
    class_: ObjectName | None = Field(
        default=None, alias="class", description="The StorageClass; without it the cluster's own.", examples=["fast"]
    )


class StoreVolume(Volume):
    """A claim that all pods of the project share: the store, the tasks' work, the predictions."""

    access: Literal["ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"] = Field(
        default="ReadWriteMany",
        description="ReadWriteMany, unless all of it runs on one node.",
        examples=["ReadWriteMany"],
    )


class GpuKind(Section):
    """How the cluster offers one kind of GPU."""

    resource: str = Field(
        default="nvidia.com/gpu",
        pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$",
        description="The resource: of MIG and time-slicing another one.",
        examples=["nvidia.com/mig-1g.10gb"],
    )
    node_selector: dict[str, Text] = Field(
        default_factory=dict,
        description="Labels of the nodes that have it.",
        examples=[{"nvidia.com/gpu.product": "NVIDIA-L4"}],
    )
    tolerations: Annotated[tuple[dict[str, Any], ...], ListOrOne] = Field(
        default=(),
        description="What keeps others off these nodes, as in a pod.",
        examples=[[{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]],
    )


class Operators(Section):
    """Who does the work where not plain Jobs and Deployments."""

    training: Literal["trainer"] | None = Field(
        default=None, description="Kubeflow Trainer, for trainings on several nodes.", examples=["trainer"]
    )
    queue: Literal["kueue"] | None = Field(default=None, description="Kueue, for all tasks.", examples=["kueue"])
    tuning: Literal["katib"] | None = Field(default=None, description="Katib, for studies.", examples=["katib"])
    serving: Literal["kserve", "seldon", "seldon-v1", "seldon-v2"] | None = Field(
        default=None, description="KServe or Seldon, for endpoints.", examples=["kserve"]
    )


class SecretsFrom(Section):
    """Who makes the Secret `<project>-<environment>-secrets`, with one key a secret."""

    provider: Literal["cluster", "external", "sealed"] = Field(
        default="cluster",
        description="Somebody by hand, External Secrets from a store, or Sealed Secrets from git.",
        examples=["external"],
    )
    store: ObjectName | None = Field(default=None, description="External Secrets' store.", examples=["vault"])
    kind: Literal["ClusterSecretStore", "SecretStore"] = Field(
        default="ClusterSecretStore", description="The store's kind.", examples=["SecretStore"]
    )
    path: str = Field(default="", description="Before each secret's name in the store.", examples=["ml/prod/"])
    refresh: str = Field(
        default="1h", pattern=r"^([0-9]+(h|m|s))+$", description="How often it is read anew.", examples=["15m"]
    )


class SeldonSettings(Section):
    """What Seldon Core 2 is told of each model."""

    secret: ObjectName | None = Field(
        default=None,
        description="The Secret with rclone's configuration of the bucket; without it what its servers have loaded.",
        examples=["models-bucket"],
    )
    server: ObjectName | None = Field(
        default=None,
        description="The Server that loads models; without it any that takes ONNX.",
        examples=["triton"],
    )


class Quota(Section):
    """The most that the namespace may hold at once."""

    cpu: Cpu | None = Field(default=None, description="Cores asked for.", examples=[64])
    memory: Memory | None = Field(default=None, description="Memory, of all limits together.", examples=["256Gi"])
    gpu: int | None = Field(default=None, ge=0, description="GPUs.", examples=[8])
    pods: int | None = Field(default=None, ge=1, description="Pods.", examples=[200])


class Dns(Section):
    """Where pods look names up: what NetworkPolicies let them reach."""

    namespaces: Annotated[tuple[Namespace, ...], ListOrOne] = Field(
        default=("kube-system", "openshift-dns"),
        description="Namespaces of the DNS servers.",
        examples=[["kube-system"]],
    )
    addresses: Annotated[tuple[Network, ...], ListOrOne] = Field(
        default=("169.254.0.0/16",),
        description="Addresses of DNS servers that are no pods, such as caches on the nodes; no others when empty.",
        examples=[["169.254.0.0/16", "10.0.0.2/32"]],
    )
    ports: Annotated[tuple[Port, ...], ListOrOne] = Field(
        default=(53, 5353), min_length=1, description="The ports that these pods listen at.", examples=[[53]]
    )


class KubernetesTarget(Section):
    """A Kubernetes cluster."""

    namespace: Namespace = Field(default="default", description="The namespace; it has to be there.", examples=["ml"])
    context: str | None = Field(default=None, description="The context of the kubeconfig.", examples=["prod"])
    registry: Registry | None = Field(
        default=None,
        description="Where built images go.",
        examples=["registry.example.com/ml"],
    )
    base: str = Field(
        default="python:3.11-slim",
        min_length=1,
        description="The image that the project's images start from: a Debian or Ubuntu with Python and `venv`.",
        examples=["python:3.11-slim"],
    )
    images: Images = Field(
        default_factory=Images,
        description="Images by name, in place of built ones.",
        examples=[{"tasks": "registry.example.com/ml/tasks:1"}],
    )
    pull_secrets: Annotated[tuple[ObjectName, ...], ListOrOne] = Field(
        default=(), description="Secrets that the registry wants.", examples=[["registry"]]
    )
    store: Annotated[StoreVolume, table_of("size")] | None = Field(
        default=None,
        description="A volume for the store, where `store.remote` names none: a size, or a table.",
        examples=[{"size": "10Gi", "access": "ReadWriteMany"}],
    )
    tracking: Annotated[Volume, table_of("size")] = Field(
        default_factory=tracking_volume,
        validate_default=True,
        description="The tracking server's volume, where `tracking.uri` names none: a size, or a table.",
        examples=["10Gi"],
    )
    expose: Expose = Field(
        default_factory=Expose,
        description="How endpoints are reached; without it by pods of the namespace only.",
        examples=[{"domain": "models.example.com", "ingress": "nginx"}],
    )
    gpus: dict[str, GpuKind] = Field(
        default_factory=dict,
        description="Kinds of GPU, by the name that `resources.gpu_type` takes.",
        examples=[{"nvidia-l4": {"node_selector": {"nvidia.com/gpu.product": "NVIDIA-L4"}}}],
    )
    operators: Operators = Field(
        default_factory=Operators,
        description="Operators to hand work to, by what they do.",
        examples=[{"serving": "kserve"}],
    )
    queue: ObjectName | None = Field(default=None, description="Kueue's LocalQueue.", examples=["team-ml"])
    secrets: Annotated[SecretsFrom, table_of("provider")] = Field(
        default_factory=SecretsFrom,
        description="Who makes the Secrets: a name, or a table.",
        examples=[{"provider": "external", "store": "vault"}],
    )
    seldon: SeldonSettings = Field(
        default_factory=SeldonSettings,
        description="Where Seldon Core 2 loads models, and how it reads the bucket.",
        examples=[{"secret": "models-bucket", "server": "triton"}],
    )
    quota: Quota | None = Field(
        default=None,
        description="The most that the namespace may hold: for a namespace of the project's own.",
        examples=[{"cpu": 64, "memory": "256Gi", "gpu": 8}],
    )
    memory: Memory = Field(
        default=2 << 30,
        gt=0,
        description="The memory of a node of the graph whose `resources` name none.",
        examples=["2Gi"],
    )
    env: dict[str, Text] = Field(
        default_factory=dict,
        description="Variables of all pods; a value may be one `${secret.X}`.",
        examples=[{"AWS_REGION": "eu-central-1"}],
    )
    egress: Annotated[tuple[Port, ...], ListOrOne] = Field(
        default=(),
        description="Ports that pods may reach anywhere, beside those of the URLs in the spec.",
        examples=[[443]],
    )
    dns: Dns = Field(
        default_factory=Dns,
        description="Where names are looked up, where that is not in kube-system, openshift-dns or on the node.",
        examples=[{"namespaces": ["dns"], "ports": [53]}],
    )
    node_selector: dict[str, Text] = Field(
        default_factory=dict, description="Labels of the nodes that are used.", examples=[{"pool": "ml"}]
    )
    tolerations: Annotated[tuple[dict[str, Any], ...], ListOrOne] = Field(
        default=(),
        description="What keeps others off these nodes, as in a pod.",
        examples=[[{"key": "ml", "operator": "Exists", "effect": "NoSchedule"}]],
    )
    priority_class: ObjectName | None = Field(default=None, description="The pods' PriorityClass.", examples=["batch"])
    service_account: dict[str, Text] = Field(
        default_factory=dict,
        description="Annotations of the ServiceAccounts: what a cloud knows the pods by.",
        examples=[{"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/ml"}],
    )
    keep: Duration = Field(
        default=3600.0,
        description="How long ended Jobs stay to be looked at; with `0s` those of tasks go at once.",
        examples=["1d"],
    )
    parallelism: int | None = Field(
        default=None, ge=1, description="Tasks at once; without it as many as the cluster takes.", examples=[20]
    )
