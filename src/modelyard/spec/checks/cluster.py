"""`target: kubernetes`: what pods cannot see, or could not do, is a mistake before anything is applied."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelyard.spec.checks.findings import Findings
from modelyard.spec.checks.katib import check_katib
from modelyard.spec.checks.references import is_address
from modelyard.spec.checks.seldon import check_seldon
from modelyard.spec.values import STATE_URI, STORE_PATH, TRACKING_URI
from modelyard.urls import is_local

if TYPE_CHECKING:
    from modelyard.spec.model.cluster import KubernetesTarget

_AT = ("target", "kubernetes")
_CODE = "cluster"
_WITH_RESOURCES = (
    "steps", "sources", "expectations", "features", "training", "tuning", "registry", "serving", "monitoring",
)  # fmt: skip
_ONE_SECRET = re.compile(r"\$\{secret\.[^}]+\}")


def check_cluster(findings: Findings) -> None:
    """Raises nothing; `findings` has each mistake at its line."""
    target = findings.spec.target.kubernetes
    if target is None:
        return
    _check_store(findings, target)
    _check_sources(findings)
    _check_records(findings)
    _check_monitoring(findings, target)
    _check_serving(findings, target)
    _check_gpus(findings)
    _check_settings(findings, target)
    if target.operators.tuning == "katib":
        check_katib(findings)
    if target.operators.serving == "seldon-v2":
        check_seldon(findings, target)


def _check_store(findings: Findings, target: KubernetesTarget) -> None:
    store = findings.spec.store
    if store.remote and is_local(store.remote):
        what = f"`{store.remote}` is a folder of this machine, which no pod sees"
        findings.add(("store", "remote"), what, "Name an object store, such as `s3://bucket/modelyard`", _CODE)
    elif not store.remote and target.store is None:
        what = "pods have no store: the one in `.modelyard` is on this machine only"
        fix = "Add `store: {remote: s3://…}`, or a volume for it: `target: {kubernetes: {store: 10Gi}}`"
        findings.add(("store",) if store.path != STORE_PATH else _AT, what, fix, _CODE, key=True)
    if store.path != STORE_PATH and not store.path.startswith(".modelyard/"):
        what = f"a pod can write below `.modelyard` only, not to `{store.path}`"
        findings.add(("store", "path"), what, f"Take it away, or write `{STORE_PATH}`", _CODE)


def _check_sources(findings: Findings) -> None:
    for name, source in findings.spec.sources.items():
        if source.path and not is_address(source.path) and is_local(source.path):
            what = f"`{source.path}` is on this machine, where no pod sees it"
            fix = "Put it where pods reach it (`s3://…`), or let a step of the project make it"
            findings.add(("sources", name, "path"), what, fix, _CODE)


def _check_records(findings: Findings) -> None:
    spec = findings.spec
    if spec.state.uri != STATE_URI and spec.state.uri.startswith(("sqlite:", "file:")):
        fix = "Take it away, and the cluster keeps it in Secrets, or name a PostgreSQL: `postgresql://…`"
        findings.add(("state", "uri"), "this state is a file of this machine, which no pod sees", fix, _CODE)
    if spec.tracking.uri != TRACKING_URI and is_local(spec.tracking.uri):
        fix = "Take it away, and a server is deployed, or name yours: `http://mlflow:5000`"
        findings.add(("tracking", "uri"), "these records are a file of this machine, which no pod sees", fix, _CODE)
    elif spec.tracking.uri != TRACKING_URI and spec.tracking.ui is not None:
        what = f"the records are at {spec.tracking.uri}, which has its own UI"
        findings.add(("tracking", "ui"), what, "Take it away", _CODE, key=True)


def _check_monitoring(findings: Findings, target: KubernetesTarget) -> None:
    for name in findings.spec.monitoring if target.store is None else ():
        what = "a monitor reads what servers have written, and keeps its reports, on a volume that pods share"
        fix = "Add one: `target: {kubernetes: {store: 10Gi}}`; data and models may be at `store.remote` all the same"
        findings.add(("monitoring", name), what, fix, _CODE, key=True)


def _check_serving(findings: Findings, target: KubernetesTarget) -> None:
    for name, endpoint in findings.spec.serving.items():
        replicas, at = endpoint.replicas, ("serving", name, "replicas")
        if replicas.min > replicas.max:
            findings.add(at, "`min` is larger than `max`", "", "replicas")
        elif replicas.min == 0 and target.operators.serving != "kserve":
            what = "only KServe can do without any server, and start one when it is asked"
            fix = "Set `min: 1`, or `target: {kubernetes: {operators: {serving: kserve}}}`"
            findings.add((*at, "min"), what, fix, _CODE)


def _check_gpus(findings: Findings) -> None:
    for section in _WITH_RESOURCES:
        for name, one in getattr(findings.spec, section).items():
            asked = one.resources
            if asked and asked.gpu_type and not asked.gpu:
                what = f"`gpu_type: {asked.gpu_type}` has no effect: no GPU is asked for"
                fix = "Add how many: `gpu: 1`, or take it away"
                findings.add((section, name, "resources", "gpu_type"), what, fix, _CODE)


def _check_settings(findings: Findings, target: KubernetesTarget) -> None:
    expose, at = target.expose, (*_AT, "expose")
    if expose.ingress and expose.gateway:
        findings.add((*at, "gateway"), "endpoints are shown by one way, not by two", "Keep one", _CODE, key=True)
    elif (expose.ingress or expose.gateway) and not expose.domain:
        way = "ingress" if expose.ingress else "gateway"
        what = "endpoints have no names to be reached by"
        findings.add((*at, way), what, "Add `domain: models.example.com`", _CODE, key=True)
    elif expose.domain and not (expose.ingress or expose.gateway):
        what = "nothing shows endpoints under this name"
        findings.add((*at, "domain"), what, "Add `ingress: CLASS` or `gateway: NAME`", _CODE)
    if target.secrets.provider == "external" and not target.secrets.store:
        what = "External Secrets reads from a store, and none is named"
        findings.add((*_AT, "secrets"), what, "Add `store: NAME`", _CODE, key=True)
    if target.queue and target.operators.queue is None:
        what = "a queue without Kueue holds nothing back"
        findings.add((*_AT, "queue"), what, "Add `operators: {queue: kueue}`, or take it away", _CODE)
    for name, value in target.env.items():
        if "${secret." in value and not _ONE_SECRET.fullmatch(value):
            what = "a variable is one secret, whole, or text"
            findings.add((*_AT, "env", name), what, "Keep the whole text in the secret", _CODE)
