"""`operators: {serving: seldon-v2}`: what a model in Seldon's own servers cannot have is a mistake, never left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from modelyard.spec.checks.findings import At, Findings

if TYPE_CHECKING:
    from modelyard.spec.model.cluster import KubernetesTarget
    from modelyard.spec.model.serving import Endpoint

_CODE = "seldon"
_BUCKET = re.compile(r"(s3|gs|gcs|az|abfs)://[^\s?$@]+")
_ELSEWHERE = "Take it away, or let `operators: {serving: seldon}` or `kserve` run our server"


def check_seldon(findings: Findings, target: KubernetesTarget) -> None:
    spec = findings.spec
    if not spec.serving:
        return
    if not spec.store.remote or not _BUCKET.fullmatch(spec.store.remote):
        what = "Seldon's servers read models from a bucket by its plain URL"
        findings.add(("store", "remote") if spec.store.remote else ("store",), what, "Add `remote: s3://…`", _CODE)
    if target.expose.domain or target.expose.clients or target.expose.metrics:
        what = "no route leads to a model: Seldon's own gateway, `seldon-mesh`, answers for all of them"
        findings.add(("target", "kubernetes", "expose"), what, "Take it away, and show `seldon-mesh`", _CODE, key=True)
    for name, endpoint in spec.serving.items():
        for key, what in _refused(endpoint):
            at: At = ("serving", name, *key)
            findings.add(at, f"{what}: Seldon's servers know nothing of it", _ELSEWHERE, _CODE, key=True)
    for name, monitor in spec.monitoring.items():
        if monitor.data.startswith("serving."):
            what = "Seldon's servers keep no log of predictions that a monitor could read"
            findings.add(("monitoring", name, "data"), what, _ELSEWHERE, _CODE)


def _refused(endpoint: Endpoint) -> Iterator[tuple[tuple[str, ...], str]]:
    """Keys, and what is asked for there. A log is on where nothing is said of it: that much is let be."""
    if endpoint.auth:
        yield ("auth",), "tokens"
    if endpoint.batch:
        yield ("batch",), "batches"
    if endpoint.resources:
        yield ("resources",), "resources of one model"
    if endpoint.runtime:
        yield ("runtime",), "an environment of one model"
    if endpoint.log.sample != 1 or endpoint.log.hash:
        yield ("log",), "a log of predictions"
    if endpoint.replicas.requests_per_second:
        yield ("replicas", "requests_per_second"), "scaling by requests"
