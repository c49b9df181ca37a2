"""Objects by kind, namespace and name; every write under a resource version of its own, kept for those who watch."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cluster.refusals import Refusal, already_exists, not_found, out_of_date
from cluster.resources import Resource

Object = dict[str, Any]
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Event:
    """`kind` is ADDED, MODIFIED or DELETED; `before` the object as it was, for selectors that it no longer meets."""

    version: int
    kind: str
    where: tuple[str, str]
    obj: Object
    before: Object | None = None


def copy_of(obj: Any) -> Any:
    return json.loads(json.dumps(obj))


class Storage:
    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.version = 1000
        self._objects: dict[Key, Object] = {}
        self._groups: dict[tuple[str, str], dict[Key, Object]] = {}
        self._events: list[Event] = []
        self._oldest = 1000
        self.listeners: list[Callable[[Event], None]] = []

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        with self.changed:
            found = self._objects.get(_key(resource, namespace, name))
        if found is None:
            raise not_found(resource.plural, resource.group, name)
        return self._as(resource, copy_of(found))

    def listed(self, resource: Resource, namespace: str = "") -> tuple[list[Object], int]:
        """All of a kind in stable order, and the version at which they were so."""
        with self.changed:
            known = self._groups.get(_group(resource), {})
            found = [known[key] for key in sorted(known) if not namespace or key[2] == namespace]
            version = self.version
        return [self._as(resource, copy_of(obj)) for obj in found], version

    def all(self) -> Iterator[Object]:
        with self.changed:
            found = list(self._objects.values())
        yield from (copy_of(obj) for obj in found)

    def insert(self, resource: Resource, obj: Object) -> Object:
        key = _key(resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        with self.changed:
            if key in self._objects:
                raise already_exists(resource.plural, resource.group, key[3])
            return self._write("ADDED", key, obj)

    def replace(self, resource: Resource, obj: Object, expected: str) -> Object:
        """Raises a conflict where the object's version is not `expected` any more."""
        key = _key(resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        with self.changed:
            before = self._objects.get(key)
            if before is None:
                raise not_found(resource.plural, resource.group, key[3])
            if before["metadata"]["resourceVersion"] != expected:
                raise out_of_date(resource.plural, resource.group, key[3])
            if _same(before, obj):
                return copy_of(before)
            return self._write("MODIFIED", key, obj, before)

    def remove(self, resource: Resource, namespace: str, name: str) -> Object:
        key = _key(resource, namespace, name)
        with self.changed:
            before = self._objects.pop(key, None)
            if before is None:
                raise not_found(resource.plural, resource.group, name)
            del self._groups[key[:2]][key]
            return self._write("DELETED", key, before, before)

    def forget_events(self) -> None:
        """As etcd's compaction: who watches from an older version is told 410."""
        with self.changed:
            self._oldest = self.version
            self._events.clear()
            self.changed.notify_all()

    def events_since(self, version: int, resource: Resource, wait: float) -> tuple[list[Event], int]:
        """Those of a kind, and the version up to which they are all; waits where there is nothing new."""
        with self.changed:
            if version < self._oldest:
                raise Refusal(410, f"too old resource version: {version} ({self._oldest})")
            if self.version <= version:
                self.changed.wait(wait)
            group = _group(resource)
            first = next((n for n in range(len(self._events), 0, -1) if self._events[n - 1].version <= version), 0)
            return [event for event in self._events[first:] if event.where == group], self.version

    def _write(self, kind: str, key: Key, obj: Object, before: Object | None = None) -> Object:
        self.version += 1
        stored = copy_of(obj)
        stored["metadata"]["resourceVersion"] = str(self.version)
        if kind != "DELETED":
            self._objects[key] = self._groups.setdefault(key[:2], {})[key] = stored
        event = Event(self.version, kind, key[:2], stored, before)
        self._events.append(event)
        self.changed.notify_all()
        for listener in self.listeners:
            listener(event)
        return copy_of(stored)

    def _as(self, resource: Resource, obj: Object) -> Object:
        return {**obj, "apiVersion": resource.api_version, "kind": resource.kind}


def _same(before: Object, after: Object) -> bool:
    """Whether nothing changed but the times in managed fields and the version itself."""

    def bare(obj: Object) -> Object:
        meta = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
        meta["managedFields"] = [{**entry, "time": ""} for entry in meta.get("managedFields") or ()]
        return {**obj, "metadata": meta}

    return bare(before) == bare(after)


def _group(resource: Resource) -> tuple[str, str]:
    # `events` of two groups are one kind of object, as in the real server
    return ("", "events") if resource.plural == "events" else (resource.group, resource.plural)


def _key(resource: Resource, namespace: str, name: str) -> Key:
    return (*_group(resource), namespace if resource.namespaced else "", name)
