"""The state in a cluster's own objects: Secrets for the records, and a Lease for the lock, as controllers have theirs.

The Lease says who holds the lock, renewed by a heartbeat. Its token stands in the records too, where each transaction
looks for it: who lost the lock can write no more, whatever clocks and pauses made of the Lease.
"""

import os
import time
from datetime import UTC, datetime
from typing import Any

from modelyard.state.cluster import ClusterConnection
from modelyard.state.cluster_objects import ClusterPlace, Object, version_of
from modelyard.state.database import Database
from modelyard.state.owner import born, hostname, whoami
from modelyard.state.records import LockHolder
from modelyard.state.state import State

LEASE_SECONDS = 30
_WATCHED_SECONDS = 8.0
_ABOUT = "modelyard.dev/lock-"


class KubernetesState(State):
    """Holds one environment's records: one lock for all of it."""

    def __init__(self, database: Database, project: str, place: ClusterPlace) -> None:
        super().__init__(database, project)
        self._place = place

    @classmethod
    def open_at(cls, place: ClusterPlace, *, read_only: bool = False, project: str = "") -> "KubernetesState":
        """As `State.open`. `read_only` makes nothing in the cluster, and reads as empty where nothing is."""
        connection = ClusterConnection(place)
        database = Database(connection.in_memory() if read_only else connection)
        database.migrate()
        return cls(database, project, place)

    def _try(self, scope: str, reason: str) -> tuple[bool, LockHolder | None]:
        token = os.urandom(16).hex()
        while True:
            lease = self._lease()
            found = _holder_of(lease)
            if found and not self._is_dead(*found):
                return False, found[0]
            if self._write(lease, _spec(lease, token), _about(reason)):
                break
        with self._db.transaction():
            self._write_row(scope, token, reason)
        self._tokens[scope] = token
        return True, found[0] if found else None

    def _holder(self, scope: str) -> tuple[LockHolder, float] | None:
        return _holder_of(self._lease())

    def _beat(self, scope: str, token: str) -> None:
        self._change(token, renewTime=_now())

    def _give_back(self, scope: str, token: str) -> None:
        self._change(token, holderIdentity="")

    def _take_away(self, scope: str) -> None:
        self._change(None, holderIdentity="")
        super()._take_away(scope)

    def _is_dead(self, holder: LockHolder, start: float) -> bool:
        if holder.host == _host() == hostname():
            return super()._is_dead(holder, start)
        if holder.quiet <= LEASE_SECONDS:
            return False
        # Clocks may differ from machine to machine: a living holder's renewals are seen to come.
        before = _renewed(self._lease())
        time.sleep(_WATCHED_SECONDS)
        return _renewed(self._lease()) == before

    def _lease(self) -> Object | None:
        return self._place.objects.get("Lease", self._place.name)

    def _change(self, token: str | None, **spec: str) -> None:
        """Nothing where another token holds it; None takes whichever does."""
        lease = self._lease()
        if lease and token in (None, lease["spec"].get("holderIdentity")):
            self._write(lease, {**lease["spec"], **spec}, _kept(lease))

    def _write(self, lease: Object | None, spec: dict[str, Any], about: dict[str, str]) -> bool:
        return self._place.write(self._place.lease(spec, about, version_of(lease))) is not None


def _spec(lease: Object | None, token: str) -> dict[str, Any]:
    changes = int(lease["spec"].get("leaseTransitions") or 0) + 1 if lease else 0
    return {
        "holderIdentity": token, "leaseDurationSeconds": LEASE_SECONDS, "acquireTime": _now(), "renewTime": _now(),
        "leaseTransitions": changes,
    }  # fmt: skip


def _about(reason: str) -> dict[str, str]:
    owner = f"{whoami().partition('@')[0]}@{_host()}"
    about = {"owner": owner, "host": _host(), "pid": os.getpid(), "born": born(os.getpid()), "reason": reason}
    return {f"{_ABOUT}{name}": str(value) for name, value in about.items()}


def _host() -> str:
    """A process id means something only where both are in the same pod, or in none."""
    return os.environ.get("MODELYARD_POD") or hostname()


def _kept(lease: Object) -> dict[str, str]:
    annotations = lease["metadata"].get("annotations") or {}
    return {name: value for name, value in annotations.items() if name.startswith(_ABOUT)}


def _holder_of(lease: Object | None) -> tuple[LockHolder, float] | None:
    if not lease or not lease["spec"].get("holderIdentity"):
        return None
    about = {name.removeprefix(_ABOUT): value for name, value in _kept(lease).items()}
    now = datetime.now(UTC)
    age, quiet = (
        max(0.0, (now - datetime.fromisoformat(lease["spec"][name])).total_seconds())
        for name in ("acquireTime", "renewTime")
    )
    owner, host, pid = about.get("owner", "somebody"), about.get("host", ""), int(about.get("pid", 0))
    holder = LockHolder(owner, host, pid, about.get("reason", ""), age, quiet)
    return holder, float(about.get("born", 0))


def _renewed(lease: Object | None) -> object:
    return lease and (lease["spec"].get("holderIdentity"), lease["spec"].get("renewTime"))


def _now() -> str:
    """A MicroTime, as Leases have them."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
