"""What Prometheus sees."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from modelyard.serving.loading import Served

__all__ = ["CONTENT_TYPE_LATEST", "Telemetry"]
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Telemetry:
    """One server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self.requests = Counter("modelyard_requests", "Requests answered", ["route", "status"], registry=registry)
        self.seconds = Histogram(
            "modelyard_request_seconds", "Time to answer", ["route"], buckets=_SECONDS, registry=registry
        )
        self.in_flight = Gauge("modelyard_requests_in_flight", "Requests being answered", registry=registry)
        self.batch = Histogram(
            "modelyard_batch_rows", "Rows run together", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256), registry=registry
        )
        self.loads = Counter("modelyard_model_loads", "Versions taken up or refused", ["result"], registry=registry)
        self.model = Gauge("modelyard_model_info", "The version that answers", ["model", "version"], registry=registry)
        self.classes = Counter("modelyard_predictions", "Answers by class", ["label"], registry=registry)
        self.logged = Counter("modelyard_predictions_logged", "Predictions written to the log", registry=registry)
        self.dropped = Counter("modelyard_predictions_dropped", "Predictions the log could not take", registry=registry)

    def loaded(self, served: Served | None) -> None:
        self.loads.labels("refused" if served is None else "loaded").inc()
        if served:
            self.model.clear()
            self.model.labels(served.name, served.version).set(1)
            served.batcher.on_batch = self.batch.observe

    def log_written(self, written: int, dropped: int) -> None:
        self.logged.inc(written)
        self.dropped.inc(dropped)

    def render(self) -> bytes:
        return generate_latest(self._registry)
