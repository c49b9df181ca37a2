"""Grafana's dashboard of a project's endpoints: what `modelyard.serving.telemetry` counts, as panels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_WIDTH = 24
_HEIGHT = 8
_CHOSEN = '{endpoint=~"$endpoint"}'


@dataclass(frozen=True, slots=True)
class Panel:
    """`queries` are PromQL, each with the legend of its lines; `unit`, `form` and `text` are Grafana's words."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"
    about: str = ""
    width: int = 12
    form: str = "timeseries"
    text: str = "auto"


def _rate(metric: str, chosen: str = _CHOSEN) -> str:
    return f"rate({metric}{chosen}[$__rate_interval])"


def _quantile(share: float) -> str:
    return f"histogram_quantile({share}, sum by (endpoint, le) ({_rate('modelyard_request_seconds_bucket')}))"


_FAILED = '{endpoint=~"$endpoint", status=~"5.."}'
_FAILED_SHARE = (
    f"(sum by (endpoint) ({_rate('modelyard_requests_total', _FAILED)})"
    f" or 0 * sum by (endpoint) ({_rate('modelyard_requests_total')}))"
    f" / sum by (endpoint) ({_rate('modelyard_requests_total')})"
)
PANELS = (
    Panel("Version that answers", [(f"modelyard_model_info{_CHOSEN}", "{{endpoint}}: {{model}} v{{version}}")],
          width=6, form="stat", text="name"),
    Panel("Up", [('up{endpoint=~"$endpoint"}', "{{endpoint}}")], width=6, form="stat",
          about="1 where the endpoint answered when it was last asked"),
    Panel("Requests a second", [(f"sum by (endpoint) ({_rate('modelyard_requests_total')})", "{{endpoint}}")], "reqps",
          width=6, form="stat"),
    Panel("Failed requests", [(_FAILED_SHARE, "{{endpoint}}")], "percentunit", width=6, form="stat",
          about="The share that was answered with a status of 500 and above"),
    Panel("Requests a second, by status",
          [(f"sum by (endpoint, status) ({_rate('modelyard_requests_total')})", "{{endpoint}} {{status}}")], "reqps"),
    Panel("Time to answer", [(_quantile(share), f"{{{{endpoint}}}} p{share * 100:g}") for share in (0.5, 0.95, 0.99)],
          "s"),
    Panel("Requests being answered", [(f"modelyard_requests_in_flight{_CHOSEN}", "{{endpoint}}")]),
    Panel("Rows run together", [(f"{_rate('modelyard_batch_rows_sum')} / {_rate('modelyard_batch_rows_count')}",
          "{{endpoint}}")], about="The mean size of a batch"),
    Panel("Answers by class",
          [(f"sum by (endpoint, label) ({_rate('modelyard_predictions_total')})", "{{endpoint}} {{label}}")], "cps"),
    Panel("Predictions kept", [(_rate("modelyard_predictions_logged_total"), "{{endpoint}} kept"),
          (_rate("modelyard_predictions_dropped_total"), "{{endpoint}} dropped")], "cps",
          about="What monitoring reads; dropped is what the log could not take"),
    Panel("Versions taken up or refused",
          [(f"sum by (endpoint, result) (increase(modelyard_model_loads_total{_CHOSEN}[$__range]))",
            "{{endpoint}} {{result}}")], width=24),
)  # fmt: skip


def dashboard(project: str, environment: str, source: str) -> dict[str, Any]:
    """As Grafana provisions it from a file. `source` is the uid of the Prometheus data source."""
    return {
        "uid": "modelyard-endpoints",
        "title": f"{project} ({environment})",
        "description": "What the endpoints tell of themselves. Made by Modelyard.",
        "tags": ["modelyard"],
        "editable": False,
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_variable(source)]},
        "panels": list(_placed(source)),
    }


def _variable(source: str) -> dict[str, Any]:
    return {
        "name": "endpoint", "label": "Endpoint", "type": "query", "datasource": _datasource(source),
        "query": {"query": "label_values(up, endpoint)", "refId": "endpoint"}, "refresh": 2, "sort": 1, "multi": True,
        "includeAll": True, "allValue": ".+", "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }  # fmt: skip


def _placed(source: str) -> Iterator[dict[str, Any]]:
    """Panels from left to right, in rows of Grafana's twenty-four columns."""
    x = y = 0
    for number, panel in enumerate(PANELS, 1):
        if x + panel.width > _WIDTH:
            x, y = 0, y + _HEIGHT
        at = {"h": _HEIGHT, "w": panel.width, "x": x, "y": y}
        yield _panel(number, panel, at, source)
        x += panel.width


def _panel(number: int, panel: Panel, at: dict[str, int], source: str) -> dict[str, Any]:
    return {
        "id": number, "type": panel.form, "title": panel.title, "description": panel.about, "gridPos": at,
        "datasource": _datasource(source),
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"textMode": panel.text} if panel.form == "stat" else {},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": _datasource(source), "expr": query, "legendFormat": legend}
            for index, (query, legend) in enumerate(panel.queries)
        ],
    }  # fmt: skip


def _datasource(source: str) -> dict[str, str]:
    return {"type": "prometheus", "uid": source}
