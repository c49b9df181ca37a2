"""The verbs: what an API server does with an object between a request and its storage."""

import random
import string
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from cluster import managers, schemas
from cluster.admission import complete
from cluster.checks import check_fields, check_namespace, check_quota, check_unchanged, has_generation
from cluster.clock import now
from cluster.defaults import with_defaults
from cluster.garbage import collect, finish
from cluster.managers import Manager
from cluster.refusals import Refusal, out_of_date
from cluster.resources import Resource, Resources
from cluster.storage import Storage, copy_of

Object = dict[str, Any]
Admission = Callable[[str, Resource, Object], None]
"""Verb, resource and object as it would be stored; raises a Refusal, or changes the object, as webhooks do."""


@dataclass(frozen=True)
class How:
    """What comes beside an object: who writes, and whether it is only tried."""

    manager: str = "tests"
    dry_run: bool = False
    force: bool = False
    strict: bool = False
    subresource: str = ""


@dataclass
class Objects:
    resources: Resources
    storage: Storage
    admissions: list[Admission] = field(default_factory=list)
    keeps_pods: bool = False
    """Whether someone (a kubelet) takes pods away after their deletion was asked for; else they go at once."""
    subnet: str = "127.96.0"
    addresses: int = 1
    turn: threading.RLock = field(default_factory=threading.RLock)

    def get(self, kind: str | Resource, namespace: str, name: str) -> Object:
        return self.storage.get(self._resource(kind), namespace, name)

    def listed(self, kind: str | Resource, namespace: str = "") -> list[Object]:
        return self.storage.listed(self._resource(kind), namespace)[0]

    def create(self, obj: Object, how: How | None = None, resource: Resource | None = None) -> Object:
        how, resource = how or How(), resource or self.resources.of(obj)
        new = self._clean(copy_of(obj), resource, how)
        meta = new["metadata"]
        if not meta.get("name") and meta.get("generateName"):
            suffix = "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
            meta["name"] = meta["generateName"] + suffix
        with self.turn:
            self._begin(resource, new, how)
            made = managers.updated(schemas.schema_of(resource), None, new, Manager(how.manager, "Update"))
            return self._insert(resource, made, how)

    def update(self, obj: Object, how: How | None = None, resource: Resource | None = None) -> Object:
        how, resource = how or How(), resource or self.resources.of(obj)
        meta = obj["metadata"]
        with self.turn:
            live = self.storage.get(resource, meta.get("namespace", ""), meta["name"])
            return self._updated(resource, live, copy_of(obj), how)

    def patch(
        self, resource: Resource, namespace: str, name: str, change: Callable[[Object], Object], how: How
    ) -> Object:
        """`change` makes the new object of the old."""
        with self.turn:
            live = self.storage.get(resource, namespace, name)
            return self._updated(resource, live, change(copy_of(live)), how)

    def apply(self, obj: Object, how: How | None = None, resource: Resource | None = None) -> Object:
        """Server-side apply."""
        how, resource = how or How(), resource or self.resources.of(obj)
        schema = schemas.schema_of(resource)
        wanted = self._clean(copy_of(obj), resource, how)
        meta = wanted["metadata"]
        if meta.get("managedFields"):
            raise Refusal(400, "metadata.managedFields must be nil")
        manager = Manager(how.manager, "Apply", how.subresource)
        with self.turn:
            try:
                live = self.storage.get(resource, meta.get("namespace", ""), meta["name"])
            except Refusal:
                live = None
            if live is None:
                if meta.get("resourceVersion") or meta.get("uid"):
                    raise out_of_date(resource.plural, resource.group, meta["name"])
                bare = {"apiVersion": wanted["apiVersion"], "kind": wanted["kind"], "metadata": {}}
                new = managers.applied(schema, bare, wanted, manager, how.force)
                self._begin(resource, new, how)
                return self._insert(resource, new, how)
            self._expect(resource, live, meta.get("resourceVersion"))
            new = managers.applied(schema, live, {**wanted, "metadata": _without_version(meta)}, manager, how.force)
            return self._replace(resource, live, new, how)

    def delete(
        self, kind: str | Resource, namespace: str, name: str, options: Mapping[str, Any] | None = None
    ) -> Object:
        options, resource = options or {}, self._resource(kind)
        with self.turn:
            live = self.storage.get(resource, namespace, name)
            wanted = options.get("preconditions") or {}
            for key in ("uid", "resourceVersion"):
                if wanted.get(key) not in (None, live["metadata"][key]):
                    raise out_of_date(resource.plural, resource.group, name)
            if options.get("dryRun"):
                return live
            return collect(self, resource, live, options)

    def set_status(self, kind: str | Resource, namespace: str, name: str, status: Mapping[str, Any]) -> Object:
        """As a controller would, whatever version it had read."""
        resource = self._resource(kind)
        how = How("kube-controller-manager", subresource="status")
        return self.patch(
            resource, namespace, name, lambda live: {**live, "status": {**(live.get("status") or {}), **status}}, how
        )

    def _updated(self, resource: Resource, live: Object, obj: Object, how: How) -> Object:
        new = self._clean(obj, resource, how, live)
        self._expect(resource, live, new["metadata"].get("resourceVersion"))
        if how.subresource == "status":
            meta = live["metadata"]
            new = {**live, "status": new.get("status") or {}, "metadata": meta}
        elif "status" in live and "status" in resource.subresources:
            new["status"] = live["status"]
        kept = (
            "uid",
            "creationTimestamp",
            "generation",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "namespace",
        )
        new["metadata"] |= {key: live["metadata"][key] for key in kept if key in live["metadata"]}
        owned = managers.updated(
            schemas.schema_of(resource), live, new, Manager(how.manager, "Update", how.subresource)
        )  # fmt: skip
        return self._replace(resource, live, owned, how)

    def _begin(self, resource: Resource, new: Object, how: How) -> None:
        """What only the first writing of an object does."""
        meta = new["metadata"]
        if not meta.get("name"):
            raise Refusal(
                422, f'{resource.kind} "" is invalid: metadata.name: Required value: name or generateName is required'
            )
        if resource.namespaced:
            meta.setdefault("namespace", "default")
            what = f'{resource.plural}.{resource.group} "{meta["name"]}"'
            check_namespace(self.storage, self.resources.of_kind("Namespace"), meta["namespace"], what)
        for key in ("resourceVersion", "managedFields", "deletionTimestamp") if "managedFields" not in meta else ():
            meta.pop(key, None)
        meta |= {"uid": str(uuid4()), "creationTimestamp": now()}
        if has_generation(resource):
            meta["generation"] = 1
        if "status" in resource.subresources and resource.kind not in ("Pod", "Namespace"):
            new.pop("status", None)
        complete(self, new)

    def _insert(self, resource: Resource, new: Object, how: How) -> Object:
        with_defaults(new)
        self._admit("CREATE", resource, new, how)
        check_quota(self.storage, self.resources.of_kind("ResourceQuota"), resource, new)
        if how.dry_run:
            return new
        made = self.storage.insert(resource, new)
        if resource.kind == "CustomResourceDefinition":
            self.resources.register(made)
        return made

    def _replace(self, resource: Resource, live: Object, new: Object, how: How) -> Object:
        with_defaults(new)
        self._admit("UPDATE", resource, new, how)
        check_unchanged(resource, live, new)
        if has_generation(resource) and not how.subresource and _intent(live) != _intent(new):
            new["metadata"]["generation"] = live["metadata"].get("generation", 1) + 1
        version = live["metadata"]["resourceVersion"]
        new["metadata"]["resourceVersion"] = version
        if how.dry_run:
            return new
        stored = self.storage.replace(resource, new, version)
        if resource.kind == "CustomResourceDefinition":
            self.resources.register(stored)
        return finish(self, resource, stored)

    def _admit(self, verb: str, resource: Resource, new: Object, how: How) -> None:
        check_fields(resource, new, how.strict)
        if not how.subresource:
            for admission in self.admissions:
                admission(verb, resource, new)

    def _clean(self, obj: Object, resource: Resource, how: How, live: Object | None = None) -> Object:
        if obj.get("kind", resource.kind) != resource.kind:
            raise Refusal(400, f"the object provided is unrecognized: {obj.get('kind')} is not {resource.kind}")
        obj |= {"apiVersion": resource.api_version, "kind": resource.kind}
        obj.setdefault("metadata", {})
        if how.strict:
            check_unknown = [
                m for _, m in schemas.problems(schemas.schema_of(resource), obj) if m.startswith("unknown")
            ]
            if check_unknown:
                raise Refusal(400, f"strict decoding error: {', '.join(check_unknown)}")
        if how.subresource != "status" and "status" in resource.subresources and resource.kind != "Pod":
            obj.pop("status", None)
        return obj

    def _expect(self, resource: Resource, live: Object, version: str | None) -> None:
        if version and version != live["metadata"]["resourceVersion"]:
            raise out_of_date(resource.plural, resource.group, live["metadata"]["name"])

    def _resource(self, kind: str | Resource) -> Resource:
        return self.resources.of_kind(kind) if isinstance(kind, str) else kind


def _intent(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key not in ("metadata", "status", "apiVersion", "kind")}


def _without_version(meta: Mapping[str, Any]) -> Object:
    return {key: value for key, value in meta.items() if key != "resourceVersion"}
