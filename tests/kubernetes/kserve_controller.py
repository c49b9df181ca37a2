"""As much of KServe and Knative as a rollout meets: revisions by template, shares by `canaryTrafficPercent`, status.

Each revision has one pod, whose address is one of this machine's own, where its server's metrics are.
"""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cluster import ApiServer
from cluster.refusals import Refusal
from modelyard.serving.telemetry import Telemetry
from modelyard.targets.kubernetes.operators.knative import KNATIVE, MODE
from modelyard.targets.kubernetes.rollouts.revisions import REVISION

PORT = 8080
TOKEN = "let-me-in"
Object = dict[str, Any]


@dataclass
class Server:
    """One revision: `bad` answers of a hundred fail, between each two looks at its metrics."""

    version: str
    address: str
    ready: bool = True
    bad: int = 0
    telemetry: Telemetry = field(default_factory=Telemetry)

    def metrics(self) -> bytes:
        for number in range(100):
            self.telemetry.requests.labels("/predict", "500" if number < self.bad else "200").inc()
            self.telemetry.seconds.labels("/predict").observe(0.004)
        return self.telemetry.render()


@dataclass
class KServe:
    """`unready` and `failing` are versions; `shares` is what each version had, in order, as it changed."""

    server: ApiServer
    unready: set[str] = field(default_factory=set)
    failing: dict[str, int] = field(default_factory=dict)
    mode: str = "Knative"
    shares: list[dict[str, int]] = field(default_factory=list)
    revisions: dict[str, Server] = field(default_factory=dict)
    _templates: list[str] = field(default_factory=list)
    _rolled: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator["KServe"]:
        done = threading.Event()
        thread = threading.Thread(target=self._control, args=(done,))
        thread.start()
        try:
            yield self
        finally:
            done.set()
            thread.join()

    def serving(self) -> dict[str, int]:
        """By version, percent of the requests now."""
        return self.shares[-1] if self.shares else {}

    def _control(self, done: threading.Event) -> None:
        with self._listening():
            while not done.wait(0.1):
                for service in self.server.objects.listed("InferenceService", "ml"):
                    if (service["metadata"].get("annotations") or {}).get(MODE) != KNATIVE:
                        continue
                    with suppress(Refusal):  # it is gone
                        self._reconcile(service)

    def _reconcile(self, service: Object) -> None:
        predictor = service["spec"]["predictor"]
        percent = predictor.get("canaryTrafficPercent")
        # Annotations of the InferenceService are on its pods: a change of one makes a revision, as a change of a pod.
        kept = {key: value for key, value in predictor.items() if key != "canaryTrafficPercent"}
        template = json.dumps([kept, service["metadata"].get("annotations")], sort_keys=True)
        name = service["metadata"]["name"]
        if not self._templates or self._templates[-1] != template:
            self._templates.append(template)
            self._begin(service, f"{name}-predictor-{len(self._templates):05}")
        created = list(self.revisions)[-1]
        ready = [one for one, server in self.revisions.items() if server.ready]
        newest = ready[-1] if ready else ""
        traffic = self._traffic(newest, percent)
        if traffic and traffic[0]["percent"] == 100 and (not self._rolled or self._rolled[-1] != newest):
            self._rolled.append(newest)
        self._note(traffic)
        told = "True" if newest == created else "False"
        status = {
            # Of the Knative Service, which counts otherwise.
            "observedGeneration": 1, "deploymentMode": self.mode, "url": f"http://{name}.ml.example.com",
            "conditions": [{"type": "Ready", "status": told}],
            "components": {"predictor": {
                "latestCreatedRevision": created, "latestReadyRevision": newest, "traffic": traffic,
                "latestRolledoutRevision": self._rolled[-1] if self._rolled else "",
            }},
        }  # fmt: skip
        if service.get("status") != status:
            self.server.objects.set_status("InferenceService", "ml", name, status)

    def _traffic(self, newest: str, percent: int | None) -> list[Object]:
        if not newest:
            return []
        before = [one for one in self._rolled if one != newest]
        if percent is None or not before:
            return [{"revisionName": newest, "latestRevision": True, "percent": 100}]
        return [
            {"revisionName": newest, "latestRevision": True, "percent": percent},
            {"revisionName": before[-1], "latestRevision": False, "tag": "prev", "percent": 100 - percent},
        ]

    def _note(self, traffic: list[Object]) -> None:
        shares: dict[str, int] = {}
        for one in traffic:
            version = self.revisions[one["revisionName"]].version
            shares[version] = shares.get(version, 0) + one["percent"]
        if shares and shares != self.serving():
            self.shares.append(shares)

    def _begin(self, service: Object, revision: str) -> None:
        env = service["spec"]["predictor"]["containers"][0]["env"]
        version = next(one["value"] for one in env if one["name"] == "MODELYARD_VERSION")
        address = f"127.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250}.{len(self.revisions) + 1}"
        found = Server(version, address, version not in self.unready, self.failing.get(version, 0))
        self.revisions[revision] = found
        labels = {**service["metadata"]["labels"], REVISION: revision}
        container = {"name": "kserve-container", "image": "x"}
        pod = {
            "apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]},
            "metadata": {
                "name": f"{revision}-pod", "namespace": "ml", "labels": labels,
                "ownerReferences": [{
                    "apiVersion": service["apiVersion"], "kind": service["kind"], "name": service["metadata"]["name"],
                    "uid": service["metadata"]["uid"],
                }],
            },
        }  # fmt: skip
        self.server.objects.create(pod)
        status: Mapping[str, Any] = {"phase": "Running", "podIP": address}
        self.server.objects.set_status("Pod", "ml", f"{revision}-pod", status)

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """One listener for all addresses: by the one that was called it knows the server."""
        controller = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                called = self.connection.getsockname()[0]
                server = next(one for one in controller.revisions.values() if one.address == called)
                known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
                self.send_response(200 if known else 401)
                self.end_headers()
                self.wfile.write(server.metrics() if known else b"")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        listeners = []
        for number in range(1, 9):
            prefix = f"127.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250}"
            listener = ThreadingHTTPServer((f"{prefix}.{number}", PORT), Handler)
            threading.Thread(target=listener.serve_forever, daemon=True).start()
            listeners.append(listener)
        try:
            yield
        finally:
            for listener in listeners:
                listener.shutdown()
                listener.server_close()
