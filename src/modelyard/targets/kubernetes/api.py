"""The API server of a cluster, spoken to in plain JSON: one method here is one request, made again where it must be.

Not the client's typed models (they drop what they do not know, operators' kinds have none) and not its dynamic client
(it reads the whole cluster's discovery first, and hides Status objects and headers): see `connecting`.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from modelyard.targets.kubernetes.api_errors import Asked, FieldConflict, Refusal, missing_kind
from modelyard.targets.kubernetes.connecting import Connection, connect
from modelyard.targets.kubernetes.discovery import Discovery
from modelyard.targets.kubernetes.kinds import POD, Kind, Object, Resource, kind_of, name_of
from modelyard.targets.kubernetes.names import MANAGER
from modelyard.targets.kubernetes.pod_logs import PodLog
from modelyard.targets.kubernetes.requesting import Requester
from modelyard.targets.kubernetes.statuses import is_over, states_of
from modelyard.targets.kubernetes.watching import Event, Watch

_TRIES = 8  # of a change that others are quicker than


class Api:
    """Of one namespace. Thread-safe. Raises ModelyardError: `Refusal` (`.status`, `.code`) where the server says no."""

    def __init__(self, connection: Connection, namespace: str, requester: Requester | None = None) -> None:
        self.namespace = namespace
        self._requester = requester or Requester(connection)
        self._discovery = Discovery(self._requester)

    @classmethod
    def connect(cls, context: str | None, namespace: str) -> "Api":
        """By a kubeconfig's context; None: the pod's service account, or else the current context. Asks nothing yet."""
        return cls(connect(context), namespace)

    def __str__(self) -> str:
        return f"{self.cluster}, namespace {self.namespace}"

    @property
    def cluster(self) -> str:
        """As messages name it: «context kind-dev»."""
        return self._requester.connection.title

    def version(self) -> str:
        """`v1.36.1`; the cheapest question whether anybody answers."""
        return str(self._send("GET", "/version", Asked("ask for", "its version", "", self.cluster))["gitVersion"])

    def resource(self, kind: Kind) -> Resource:
        """How URLs and RBAC rules name a kind. Raises Refusal, code `missing-kind`."""
        return self._discovery.resource(kind)

    def get(self, kind: Kind, name: str) -> Object | None:
        try:
            return self._send("GET", self._path(kind, name), self._asked("get", kind, name))
        except Refusal as error:
            self._none_if_gone(error, kind)
            return None

    def list(self, kind: Kind, selector: str = "", fields: str = "") -> list[Object]:
        """All of a kind in the namespace, by `labelSelector` and `fieldSelector`, in one request."""
        asked = self._asked("list", kind, "")
        try:
            found = self._send("GET", self._path(kind), asked, _selecting(selector, fields))
        except Refusal as error:
            self._none_if_gone(error, kind)
            raise
        # The items of a list come without what the list is of.
        return [{"apiVersion": kind.api_version, "kind": kind.name, **item} for item in found.get("items") or ()]

    def apply(self, obj: Object, *, force: bool = False, dry_run: bool = False, manager: str = MANAGER) -> Object:
        """Server-side apply: it then has these fields, and lacks those that we applied before and did not now.

        Raises FieldConflict where others hold fields with other values, unless `force` takes them.
        """
        kind = kind_of(obj)
        query = {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Strict", **_dry(dry_run)}
        for attempt in range(1, _TRIES + 1):
            try:
                return self._send(
                    "PATCH", self._path(kind, name_of(obj), obj), self._asked("apply", kind, name_of(obj)), query, obj,
                    "application/apply-patch+yaml",
                )  # fmt: skip
            except FieldConflict:
                raise
            except Refusal as error:
                # Two writers at once: nobody holds a field against us, the same request succeeds a moment later.
                if error.status != 409 or attempt == _TRIES:
                    raise self._explained(error, kind) from error
                self._requester.sleep(0.05 * 2**attempt)
        raise AssertionError("unreachable")

    def create(self, obj: Object, *, dry_run: bool = False) -> Object:
        """Raises Refusal, code `already-exists`, unless what is there is what this call made and did not hear of."""
        kind, name = kind_of(obj), name_of(obj)
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict", **_dry(dry_run)}
        try:
            return self._send("POST", self._path(kind, obj=obj), self._asked("create", kind, name), query, obj)
        except Refusal as error:
            if error.code == "already-exists" and error.unheard and (found := self.get(kind, name)):
                return found
            raise self._explained(error, kind) from error

    def replace(self, obj: Object) -> Object:
        """Raises Refusal, code `modified`, where its `resourceVersion` is not the latest any more."""
        kind, name = kind_of(obj), name_of(obj)
        query = {"fieldManager": MANAGER}
        return self._send("PUT", self._path(kind, name, obj), self._asked("update", kind, name), query, obj)

    def change(self, kind: Kind, name: str, change: Callable[[Object], Object | None]) -> Object | None:
        """Read it, change it, write it, again where another was quicker. `change` gives None to leave it as it is.

        None where there is no such object.
        """
        for attempt in range(1, _TRIES + 1):
            found = self.get(kind, name)
            wanted = change(found) if found is not None else None
            if wanted is None:
                return found
            try:
                return self.replace(wanted)
            except Refusal as error:
                if error.status == 404:
                    return None
                if error.status != 409 or attempt == _TRIES:
                    raise
                self._requester.sleep(0.05 * 2**attempt)
        raise AssertionError("unreachable")

    def delete(self, kind: Kind, name: str, *, uid: str | None = None, wait_for_dependents: bool = False) -> bool:
        """Whether there was such an object. `uid`: only this one, and no other that has its name since."""
        body: Object = {
            "apiVersion": "v1", "kind": "DeleteOptions",
            "propagationPolicy": "Foreground" if wait_for_dependents else "Background",
            **({"preconditions": {"uid": uid}} if uid else {}),
        }  # fmt: skip
        try:
            self._send("DELETE", self._path(kind, name), self._asked("delete", kind, name), body=body)
        except Refusal as error:
            if error.status == 404 or (error.status == 409 and uid):
                return False
            raise
        return True

    def watch(
        self, kind: Kind, selector: str = "", *, stop: threading.Event | None = None, tick: float = 1.0
    ) -> Iterator[Event]:
        """What is there, then each change, until `stop` or its reader ends it.

        Broken streams and versions that the server forgot are mended. After `tick` quiet seconds comes a TICK.
        """
        asked = self._asked("watch", kind, "")
        watch = Watch(self._requester, self._path(kind), _selecting(selector), asked, stop, tick)
        for event in watch.events():
            obj = event.object
            yield replace(event, object={"apiVersion": kind.api_version, "kind": kind.name, **obj}) if obj else event

    def pod_log(
        self, pod: str, *, container: str | None = None, follow: bool = False, tail: int = 0, previous: bool = False,
        stop: threading.Event | None = None,
    ) -> Iterator[str]:  # fmt: skip
        """Lines without their ends: the last `tail` (0: all); `follow`: to its end.

        A stream that breaks is taken up where it broke; no line twice. `previous`: of the container before its restart.
        """
        path = self._path(POD, pod, subresource="log")
        log = PodLog(self._requester, path, self._asked("get", POD, pod), container, stop)
        if not follow:
            return log.lines(tail, previous=previous)
        return log.follow(tail, still_runs=lambda: _runs(self.get(POD, pod), container))

    def may(self, verb: str, kind: Kind, *, name: str = "", subresource: str = "") -> bool:
        """Whether this login may, by SelfSubjectAccessReview."""
        attributes = {
            "namespace": self.namespace, "verb": verb, "group": kind.group, "resource": self.resource(kind).plural,
            "name": name, "subresource": subresource,
        }  # fmt: skip
        review = {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "metadata": {"name": ""}, "spec": {"resourceAttributes": attributes},
        }  # fmt: skip
        return bool((self.create(review).get("status") or {}).get("allowed"))

    def _send(
        self, method: str, path: str, asked: Asked, query: Mapping[str, Any] | None = None, body: Any = None,
        content_type: str = "application/json",
    ) -> Object:  # fmt: skip
        return self._requester.send(method, path, asked, query, body, content_type)

    def _path(self, kind: Kind, name: str = "", obj: Object | None = None, subresource: str = "") -> str:
        namespace = (obj or {}).get("metadata", {}).get("namespace") or self.namespace
        return self.resource(kind).path(namespace, name, subresource)

    def _asked(self, verb: str, kind: Kind, name: str) -> Asked:
        title = f"{kind.name} {name}" if name else f"{kind.name} objects"
        return Asked(verb, title, self.namespace, self.cluster)

    def _none_if_gone(self, error: Refusal, kind: Kind) -> None:
        """No such object is no error; no such kind, or no such namespace, is."""
        raised = self._explained(error, kind)
        if raised.code != "not-found":
            raise raised from error

    def _explained(self, error: Refusal, kind: Kind) -> Refusal:
        """A 404 that names no object is one of the path: the server does not have this kind."""
        if error.code == "not-found" and any(words in error.what for words in _NO_SUCH_PATH):
            return missing_kind(kind.api_version, kind.name, self.cluster)
        return error


_NO_SUCH_PATH = ("page not found", "could not find the requested resource")


def _selecting(labels: str, fields: str = "") -> dict[str, str]:
    return {key: value for key, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _runs(pod: Object | None, container: str | None) -> bool:
    """Whether the container, or any without a name, may still write: it has not begun, runs, or begins anew."""
    if pod is None or is_over(pod):
        return False
    found = [state for name, state in states_of(pod) if container in (None, name)]
    return not found or any("terminated" not in state for state in found)
