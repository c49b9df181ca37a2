"""How the servers of one revision answer, from their own `/metrics`: two readings, and what came between them."""

import re
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf

from modelyard.targets.kubernetes.kinds import Object, name_of
from modelyard.targets.ports import PORTS

_WITHIN = 10.0
_MOST = 4 << 20
# The text of our own servers, by hand: what runs a pipeline has no library of Prometheus.
_SAMPLE = re.compile(
    r"^modelyard_(?P<name>requests_total|request_seconds_bucket)\{(?P<labels>[^\n]*)\} (?P<value>\S+)", re.MULTILINE
)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Measured:
    """The names that `back_if` knows. Errors are answers of 500 and above: what a client did wrong is not counted."""

    requests: float = 0.0
    error_rate: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters of one server since it began. `buckets` by their upper bound in seconds, each with those below it."""

    requests: float = 0.0
    errors: float = 0.0
    buckets: Mapping[float, float] = field(default_factory=dict)


def reading_of(text: str) -> Reading:
    """Of requests for predictions; what asks for health, or for the metrics, is left out. Raises ValueError."""
    requests = errors = 0.0
    buckets: dict[float, float] = {}
    for found in _SAMPLE.finditer(text):
        labels, value = dict(_LABEL.findall(found["labels"])), float(found["value"])
        if not _predicts(labels.get("route", "")):
            continue
        if found["name"] == "requests_total":
            requests += value
            errors += value if labels.get("status", "") >= "500" else 0.0
        else:
            bound = float(labels["le"])
            buckets[bound] = buckets.get(bound, 0.0) + value
    return Reading(requests, errors, buckets)


def measured(before: Mapping[str, Reading], after: Mapping[str, Reading]) -> Measured:
    """Of all servers together; one that is new, or began anew, counts from its beginning."""
    parts = [_since(before.get(server, Reading()), reading) for server, reading in after.items()]
    requests, errors = sum(one.requests for one in parts), sum(one.errors for one in parts)
    bounds = sorted({bound for one in parts for bound in one.buckets})
    buckets = [(bound, sum(one.buckets.get(bound, 0.0) for one in parts)) for bound in bounds]
    return Measured(
        requests, errors / requests if requests else 0.0, _quantile(0.5, buckets) * 1e3, _quantile(0.99, buckets) * 1e3
    )


def read_servers(pods: Iterable[Object], token: str | None = None) -> dict[str, Reading]:
    """By pod, of those that answer."""
    return dict(_readings(pods, {"Authorization": f"Bearer {token}"} if token else {}))


def _readings(pods: Iterable[Object], headers: Mapping[str, str]) -> Iterator[tuple[str, Reading]]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy knows a pod
    for pod in pods:
        address = (pod.get("status") or {}).get("podIP")
        if not address:
            continue
        host = f"[{address}]" if ":" in address else address
        request = urllib.request.Request(f"http://{host}:{PORTS['serve']}/metrics", headers=dict(headers))
        try:
            with opener.open(request, timeout=_WITHIN) as answer:
                yield name_of(pod), reading_of(answer.read(_MOST).decode("utf-8"))
        except (OSError, ValueError):  # it ends, or has not begun
            continue


def _predicts(route: str) -> bool:
    return route == "/predict" or route.endswith("/infer")


def _since(before: Reading, after: Reading) -> Reading:
    if after.requests < before.requests:
        return after
    buckets = {bound: count - before.buckets.get(bound, 0.0) for bound, count in after.buckets.items()}
    return Reading(after.requests - before.requests, after.errors - before.errors, buckets)


def _quantile(share: float, buckets: list[tuple[float, float]]) -> float:
    """As Prometheus' `histogram_quantile`: straight within a bucket; of the last, its lower bound."""
    if not buckets or not buckets[-1][1]:
        return 0.0
    rank, low, below = share * buckets[-1][1], 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            return low if bound == inf else low + (bound - low) * (rank - below) / ((count - below) or 1.0)
        low, below = bound, count
    return low
