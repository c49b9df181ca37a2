"""From a request to its answer: paths and queries as the API server's clients write them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cluster import patches, schemas
from cluster.access import Access, Asked
from cluster.faults import Faults
from cluster.objects import How, Objects
from cluster.openapi import openapi
from cluster.refusals import Refusal
from cluster.requests import Place, Request, how_of, is_dry, manager_of, options_of, same_namespace, scale_of, verb_of
from cluster.resources import discovery
from cluster.selectors import matching
from cluster.streams import Logs, watch

Object = dict[str, Any]


Answer = tuple[int, Object | Iterator[bytes]]


@dataclass
class Routes:
    objects: Objects
    access: Access
    faults: Faults
    logs: Logs

    def answer(self, request: Request) -> Answer:
        path = [part for part in request.path.split("/") if part]
        if request.method == "GET" and (found := self._about(path)) is not None:
            return 200, found
        place = self._place(path)
        verb = verb_of(request, place)
        asked = Asked(
            verb, place.resource.group, place.resource.plural, place.namespace, place.name, place.subresource
        )  # fmt: skip
        self.faults.meet(verb, place.resource.plural, place.name)
        if place.resource.plural.startswith("selfsubject"):
            return 201, self.access.review(place.resource, request.user, request.obj)
        self.access.check(request.user, asked)
        return getattr(self, f"_{verb}")(request, place)  # type: ignore[no-any-return]

    def _about(self, path: list[str]) -> Object | None:
        if path == ["version"]:
            return {"major": "1", "minor": "36", "gitVersion": "v1.36.0", "platform": "linux/amd64"}
        if path and path[0] in ("healthz", "readyz", "livez"):
            return {"status": "ok"}
        if path[:2] == ["openapi", "v3"]:
            return openapi(self.objects.resources, path[2:])
        return discovery(self.objects.resources, path)

    def _place(self, path: list[str]) -> Place:
        match path:
            case ["api", "v1", *rest]:
                group, version = "", "v1"
            case ["apis", group, version, *rest]:
                pass
            case _:
                raise Refusal(404, "the server could not find the requested resource")
        namespace = ""
        if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in ("status", "finalize"):
            namespace, rest = rest[1], rest[2:]
        if not rest:
            raise Refusal(404, "the server could not find the requested resource")
        plural, name, sub = [*rest, "", ""][:3]
        resource = self.objects.resources.at(group, version, plural)
        if sub and sub not in resource.subresources:
            raise Refusal(404, "the server could not find the requested resource")
        return Place(resource, namespace, name, sub)

    def _get(self, request: Request, place: Place) -> Answer:
        obj = self.objects.get(place.resource, place.namespace, place.name)
        if place.subresource == "log":
            pods = self.objects.resources.of_kind("Pod")
            return 200, self.logs.read(self.faults, self.objects.storage, pods, obj, request.query)
        return 200, scale_of(obj) if place.subresource == "scale" else obj

    def _list(self, request: Request, place: Place) -> Answer:
        match = matching(request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))
        found, version = self.objects.storage.listed(place.resource, place.namespace)
        chosen = [obj for obj in found if match(obj)]
        meta = {"resourceVersion": str(version)}
        begin, limit = int(request.query.get("continue") or 0), int(request.query.get("limit") or 0)
        if limit and begin + limit < len(chosen):
            meta |= {"continue": str(begin + limit), "remainingItemCount": len(chosen) - begin - limit}  # type: ignore[dict-item]
        chosen = chosen[begin : begin + limit] if limit else chosen[begin:]
        return 200, {
            "kind": f"{place.resource.kind}List", "apiVersion": place.resource.api_version, "metadata": meta,
            "items": chosen,
        }  # fmt: skip

    def _watch(self, request: Request, place: Place) -> Answer:
        fields = request.query.get("fieldSelector", "")
        if place.name:
            fields = f"metadata.name={place.name}"
        match = matching(request.query.get("labelSelector", ""), fields)
        return 200, watch(self.objects.storage, self.faults, place.resource, place.namespace, match, request.query)

    def _create(self, request: Request, place: Place) -> Answer:
        body = request.obj
        if place.subresource == "token":
            user = f"system:serviceaccount:{place.namespace}:{place.name}"
            return 201, {**body, "status": {"token": self.access.token_of(user)}}
        if place.subresource == "eviction":
            self.objects.delete(place.resource, place.namespace, place.name, body.get("deleteOptions"))
            return 201, {"kind": "Status", "apiVersion": "v1", "status": "Success"}
        if place.namespace:
            body.setdefault("metadata", {}).setdefault("namespace", place.namespace)
            same_namespace(body, place)
        return 201, self.objects.create(body, how_of(request, place), place.resource)

    def _update(self, request: Request, place: Place) -> Answer:
        body = request.obj
        body.setdefault("metadata", {}).setdefault("namespace", place.namespace)
        if place.subresource == "scale":
            return self._scaled(request, place, body["spec"]["replicas"])
        return 200, self.objects.update(body, how_of(request, place), place.resource)

    def _patch(self, request: Request, place: Place) -> Answer:
        how, kind, body = how_of(request, place), request.content_type.partition(";")[0], request.obj
        if kind in ("application/apply-patch+yaml", "application/apply-patch+cbor"):
            return self._applied(request, place, body, how)
        if place.subresource == "scale":
            return self._scaled(request, place, body["spec"]["replicas"])
        schema = schemas.schema_of(place.resource)
        changes = {
            "application/merge-patch+json": lambda live: patches.merge_patch(live, body),
            "application/strategic-merge-patch+json": lambda live: patches.strategic_patch(schema, live, body),
            "application/json-patch+json": lambda live: patches.json_patch(live, body),
        }
        if kind not in changes:
            raise Refusal(415, f"the body of the request was in an unknown format: {kind}")
        return 200, self.objects.patch(place.resource, place.namespace, place.name, changes[kind], how)

    def _applied(self, request: Request, place: Place, body: Object, how: How) -> Answer:
        if not request.query.get("fieldManager"):
            raise Refusal(
                422, 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
            )
        meta = body.setdefault("metadata", {})
        meta.setdefault("name", place.name)
        if place.namespace:
            meta.setdefault("namespace", place.namespace)
            same_namespace(body, place)
        there = any(
            one["metadata"]["name"] == place.name for one in self.objects.listed(place.resource, place.namespace)
        )
        return 200 if there else 201, self.objects.apply(body, how, place.resource)

    def _scaled(self, request: Request, place: Place, replicas: int) -> Answer:
        def change(live: Object) -> Object:
            return {**live, "spec": {**live["spec"], "replicas": replicas}}

        how = How(manager_of(request), is_dry(request), subresource="scale")
        return 200, scale_of(self.objects.patch(place.resource, place.namespace, place.name, change, how))

    def _delete(self, request: Request, place: Place) -> Answer:
        gone = self.objects.delete(place.resource, place.namespace, place.name, options_of(request))
        if gone["metadata"].get("deletionTimestamp"):
            return 200, gone
        details = {
            "name": place.name,
            "group": place.resource.group,
            "kind": place.resource.plural,
            "uid": gone["metadata"]["uid"],
        }
        return 200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

    def _deletecollection(self, request: Request, place: Place) -> Answer:
        _, listed = self._list(request, place)
        for obj in dict(listed)["items"]:  # type: ignore[call-overload]
            self.objects.delete(place.resource, place.namespace, obj["metadata"]["name"], options_of(request))
        return 200, listed
