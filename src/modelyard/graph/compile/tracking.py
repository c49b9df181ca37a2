"""`tracking`: MLflow beside the project, where `tracking.ui` asks for it, or the target for PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modelyard.errors import ModelyardError
from modelyard.graph.compile.compilation import Compilation
from modelyard.secrets import references
from modelyard.spec.values import TRACKING_URI

if TYPE_CHECKING:
    from modelyard.spec.model import Spec
    from modelyard.spec.model.targets import Artifacts, Postgres

DATABASE = "tracking.database"
_RECORDING = frozenset({"train", "evaluate", "tune", "register", "monitor"})
_USUAL_PORT = 5000
_ARTIFACTS = "target.compose.artifacts"
_CLOSED = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def compile_tracking(out: Compilation) -> None:
    postgres = _postgres(out.spec)
    artifacts = _artifacts(out.spec)
    if postgres is not None:
        _on_postgres(out, postgres, artifacts)
        return
    if artifacts is not None:
        what = "artifacts go to S3 through the MLflow server on PostgreSQL, which is not asked for"
        out.keep(ModelyardError(what, fix="Add `postgres: true` beside it", code="tracking"), _ARTIFACTS)
    if _in_cluster(out.spec):
        _after_tracking(out)
    elif out.spec.tracking.ui is None:
        return
    config = {"uri": out.spec.tracking.uri, "port": _port(out.spec)}
    out.add("tracking", "tracking", config, role="service", origins={"": "tracking", "port": "tracking.ui.port"})


def tracking_of(spec: Spec) -> dict[str, Any]:
    """The section as settings of the graph. `served` where runs are recorded by the node `tracking` alone."""
    plain: dict[str, Any] = spec.tracking.plain()
    if _postgres(spec) is None:
        return plain
    return {**plain, "uri": f"http://127.0.0.1:{_port(spec)}", "served": True}


def _on_postgres(out: Compilation, postgres: Postgres, artifacts: Artifacts | None) -> None:
    """The database, MLflow's server on it, and after that all who record."""
    if out.spec.tracking.uri != TRACKING_URI:
        what = "runs are recorded in `target.compose.postgres` or at `tracking.uri`, not in both"
        out.keep(ModelyardError(what, fix="Take one of them away", code="tracking"), "tracking.uri")
    if not _port(out.spec):
        what = "a server that runs are recorded in needs a port that is known"
        out.keep(ModelyardError(what, fix="Give it a `port`", code="port"), "tracking.ui.port")
    at = "target.compose.postgres"
    out.add(DATABASE, "postgres", {"image": postgres.image}, role="service", origins={"": at})
    _after_tracking(out)
    bucket = {"artifacts": _checked(out, artifacts)} if artifacts is not None else {}
    out.add(
        "tracking", "tracking", {"port": _port(out.spec), "backend": "postgres", **bucket}, role="service",
        after=(DATABASE,),
        origins={"": "tracking", "port": "tracking.ui.port", "backend": at, "artifacts": _ARTIFACTS},
    )  # fmt: skip


def _checked(out: Compilation, artifacts: Artifacts) -> dict[str, Any]:
    for name in _CLOSED:
        if name in artifacts.env and not references(artifacts.env[name]):
            what, fix = f"`{name}` is written out", "Refer to it: `${secret.NAME}`"
            out.keep(ModelyardError(what, fix=fix, code="plain-secret"), f"{_ARTIFACTS}.env.{name}")
    return artifacts.plain()


def _after_tracking(out: Compilation) -> None:
    for address, node in out.nodes.items():
        if node.kind in _RECORDING:
            out.nodes[address] = replace(node, after=(*node.after, "tracking"))


def _in_cluster(spec: Spec) -> bool:
    """A file on one machine's disk records nothing for pods: they need a server, named or deployed."""
    return spec.target.kubernetes is not None and spec.tracking.uri == TRACKING_URI


def _postgres(spec: Spec) -> Postgres | None:
    compose = spec.target.compose
    return compose.postgres if compose is not None else None


def _artifacts(spec: Spec) -> Artifacts | None:
    compose = spec.target.compose
    return compose.artifacts if compose is not None else None


def _port(spec: Spec) -> int:
    return spec.tracking.ui.port if spec.tracking.ui is not None else _USUAL_PORT
