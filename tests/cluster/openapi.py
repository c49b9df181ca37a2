"""As much of `/openapi/v3` as `kubectl` reads to see that fields are checked by the server."""

from typing import Any

from cluster.resources import Resources

Object = dict[str, Any]


def openapi(resources: Resources, path: list[str]) -> Object | None:
    """The answer to the path after `/openapi/v3`."""
    if not path:
        versions = {("api" if not one.group else f"apis/{one.group}") + f"/{one.version}" for one in resources}
        return {"paths": {place: {"serverRelativeURL": f"/openapi/v3/{place}?hash=0"} for place in sorted(versions)}}
    group, version = (path[1], path[2]) if path[0] == "apis" else ("", path[1])
    paths = {}
    for one in resources:
        if (one.group, one.version) == (group, version):
            kind = {"group": one.group, "version": one.version, "kind": one.kind}
            parameters = [{"name": name, "in": "query"} for name in ("fieldValidation", "dryRun", "fieldManager")]
            scope = "namespaces/{namespace}/" if one.namespaced else ""
            patch = {"x-kubernetes-group-version-kind": kind, "parameters": parameters, "responses": {}}
            paths[f"/{'/'.join(path)}/{scope}{one.plural}/{{name}}"] = {"patch": patch}
    return {
        "openapi": "3.0.0",
        "info": {"title": "tests", "version": "v1.36.0"},
        "paths": paths,
        "components": {"schemas": {}},
    }
