"""What runs beside a project from images of others: Prometheus, Grafana, PostgreSQL. What their containers are given.

All are closed as ours are (see `compose.yaml`), and run as users without rights that their images know.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.about import own_version
from modelyard.targets.base import Files
from modelyard.targets.compose.definition import DATABASE, METRICS, SECRETS, SOCKET, Service, token_file
from modelyard.targets.compose.names import Scope, service_name
from modelyard.targets.dashboard import dashboard
from modelyard.targets.ports import PORTS
from modelyard.targets.templates import render_folder

_QUERIES, _EDGE = "observe.queries", "edge.grafana"
_SOURCE = {"uid": "modelyard", "url": f"http://{METRICS}:9090", "dashboards": "/etc/modelyard/dashboards"}


@dataclass(frozen=True)
class Companion:
    """One container, as the template of `compose.yaml` puts it down. Without networks it has none at all."""

    service: Service
    user: str
    volumes: Sequence[str]
    health: Sequence[str]
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    tmpfs: Sequence[str] = ("/tmp",)  # noqa: S108 - a path inside
    networks: Sequence[str] = ()
    after: Sequence[str] = ()


def companions_of(services: Sequence[Service]) -> list[Companion]:
    return [_MADE[service.kind](service, services) for service in services if service.is_companion]


def networks_of(companions: Sequence[Companion]) -> dict[str, bool]:
    """Their own networks, each with whether it leads nowhere else."""
    names = {name for companion in companions for name in companion.networks}
    return {name: name != _EDGE for name in sorted(names & {_EDGE, _QUERIES})}


def _prometheus(service: Service, services: Sequence[Service]) -> Companion:
    """It stands in the network of each endpoint, and reads what they tell; nobody but Grafana reaches it."""
    doors = [one.name for one in services if one.door]
    return Companion(
        service,
        user="65534:${MODELYARD_GROUP:-0}",  # `nobody`, as the image has it, in the group that may read tokens
        command=[
            "--config.file=/etc/modelyard/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus",
            "--storage.tsdb.retention.time=30d",
        ],
        volumes=["./prometheus:/etc/modelyard/prometheus:ro", f"{METRICS}:/prometheus"],
        health=["promtool", "query", "instant", "http://127.0.0.1:9090", "vector(1)"],
        networks=[*doors, _QUERIES],
        after=doors,
    )  # fmt: skip


def _grafana(service: Service, services: Sequence[Service]) -> Companion:
    """Nobody logs in, everybody on this machine may look; all it shows is in files, so it has nothing to keep."""
    off = ("ANALYTICS_REPORTING_ENABLED", "ANALYTICS_CHECK_FOR_UPDATES", "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
           "AUTH_BASIC_ENABLED", "NEWS_NEWS_FEED_ENABLED", "USERS_ALLOW_SIGN_UP")  # fmt: skip
    on = ("AUTH_ANONYMOUS_ENABLED", "AUTH_DISABLE_LOGIN_FORM", "PLUGINS_PREINSTALL_DISABLED",
          "SECURITY_DISABLE_INITIAL_ADMIN_CREATION")  # fmt: skip
    environment = {
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": f"{_SOURCE['dashboards']}/endpoints.json",
        "GF_LOG_MODE": "console",
        "GF_PATHS_PROVISIONING": "/etc/modelyard/provisioning",
        **{f"GF_{name}": "false" for name in off},
        **{f"GF_{name}": "true" for name in on},
    }
    return Companion(
        service,
        user="472:0",
        environment=dict(sorted(environment.items())),
        volumes=[
            "./grafana/provisioning:/etc/modelyard/provisioning:ro", f"./grafana/dashboards:{_SOURCE['dashboards']}:ro",
        ],
        tmpfs=["/tmp", "/var/lib/grafana"],  # noqa: S108 - a path inside
        health=["curl", "--fail", "--silent", "--output", "/dev/null", "http://127.0.0.1:3000/api/health"],
        networks=[_EDGE, _QUERIES],
        after=[one.name for one in services if one.kind == "prometheus"],
    )  # fmt: skip


def _postgres(service: Service, services: Sequence[Service]) -> Companion:
    """Without a network and without a password: who holds its socket is let in, and that is MLflow's server alone."""
    return Companion(
        service,
        user="postgres",
        # On loopback too, for its health check: while the image makes its database, only the socket answers.
        command=["postgres", "-c", "listen_addresses=127.0.0.1"],
        environment={
            "POSTGRES_DB": "modelyard",
            "POSTGRES_HOST_AUTH_METHOD": "trust",
            "POSTGRES_INITDB_ARGS": "--encoding=UTF8",
            "POSTGRES_USER": "modelyard",
        },
        volumes=[f"{DATABASE}:/var/lib/postgresql/data", f"{SOCKET}:/var/run/postgresql"],
        health=["pg_isready", "--quiet", "--host=127.0.0.1", "--username=modelyard", "--dbname=modelyard"],
    )


_MADE = {"prometheus": _prometheus, "grafana": _grafana, "postgres": _postgres}


def observing_files(scope: Scope, services: Sequence[Service], endpoints: Mapping[str, Any]) -> Files:
    """What Prometheus and Grafana start from. `endpoints` of Prometheus' node, as far as they are there."""
    doors = [service.address for service in services if service.door]
    values = {
        "version": own_version(),
        "project": scope.project,
        "environment": scope.environment,
        "endpoints": [
            {
                "address": address,
                "at": f"{service_name(address)}:{PORTS['serve']}",
                "credentials": f"{SECRETS}/{token_file(address)}" if endpoint.get("token") else "",
            }
            for address, endpoint in sorted(endpoints.items())
            if address in doors
        ],
        "source": _SOURCE,
    }
    shown = dashboard(scope.project, scope.environment, _SOURCE["uid"])
    return {
        **render_folder("observe", values),
        "grafana/dashboards/endpoints.json": (json.dumps(shown, indent=1) + "\n").encode(),
    }
