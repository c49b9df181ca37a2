"""A request, and what its method, its path and its query say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from cluster.objects import How
from cluster.refusals import Refusal
from cluster.resources import Resource

Object = dict[str, Any]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    content_type: str
    user: str
    agent: str

    @property
    def obj(self) -> Any:
        if not self.body:
            return {}
        if "protobuf" in self.content_type:
            raise Refusal(415, f"the body of the request was in an unknown format: {self.content_type}")
        return yaml.safe_load(self.body) if "yaml" in self.content_type else json.loads(self.body)


@dataclass(frozen=True)
class Place:
    resource: Resource
    namespace: str
    name: str
    subresource: str


def verb_of(request: Request, place: Place) -> str:
    if request.method == "GET":
        if request.query.get("watch") in ("true", "True", "1"):
            return "watch"
        return "get" if place.name else "list"
    if request.method == "DELETE":
        return "delete" if place.name else "deletecollection"
    return {"POST": "create", "PUT": "update", "PATCH": "patch"}[request.method]


def how_of(request: Request, place: Place) -> How:
    query = request.query
    strict = query.get("fieldValidation") == "Strict"
    return How(manager_of(request), is_dry(request), query.get("force") in ("true", "True"), strict, place.subresource)


def manager_of(request: Request) -> str:
    return request.query.get("fieldManager") or request.agent.partition("/")[0] or "unknown"


def is_dry(request: Request) -> bool:
    return request.query.get("dryRun") == "All"


def options_of(request: Request) -> Object:
    named = ("propagationPolicy", "gracePeriodSeconds", "dryRun")
    asked: Object = {key: request.query[key] for key in named if key in request.query}
    options = {**asked, **(request.obj if isinstance(request.obj, dict) else {})}
    if options.get("gracePeriodSeconds") is not None:
        options["gracePeriodSeconds"] = int(options["gracePeriodSeconds"])
    return options


def same_namespace(body: Object, place: Place) -> None:
    if body["metadata"]["namespace"] != place.namespace:
        raise Refusal(400, "the namespace of the provided object does not match the namespace sent on the request")


def scale_of(obj: Object) -> Object:
    meta = {key: obj["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
    status = {"replicas": (obj.get("status") or {}).get("replicas", 0)}
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": meta,
        "spec": {"replicas": obj["spec"].get("replicas", 1)},
        "status": status,
    }
