"""Who holds which field: managedFields as Kubernetes writes them."""

from copy import deepcopy
from typing import Any

from modelyard.targets.kubernetes.fields import field_name, holder_of, holds, is_as_applied

Object = dict[str, Any]
PORT = 'k:{"containerPort":80,"protocol":"TCP"}'
OURS = {
    "f:metadata": {"f:labels": {"f:app": {}}, "f:finalizers": {".": {}, 'v:"a/b"': {}}},
    "f:spec": {"f:template": {"f:containers": {'k:{"name":"api"}': {
        ".": {}, "f:name": {}, "f:image": {}, "f:ports": {PORT: {".": {}, "f:containerPort": {}}}, "f:command": {},
    }}}, "f:empty": {}},
}  # fmt: skip
WANTED: Object = {
    "apiVersion": "apps/v1", "kind": "Deployment",
    "metadata": {"name": "api", "namespace": "work", "labels": {"app": "x"}, "finalizers": ["a/b"]},
    "spec": {
        "template": {
            "containers": [{"name": "api", "image": "a:1", "ports": [{"containerPort": 80}], "command": ["a", "b"]}],
        },
        "empty": {},
    },
}  # fmt: skip


def live(**changes: Any) -> Object:
    """As applied, with what a server and others add."""
    found = deepcopy(WANTED)
    container = found["spec"]["template"]["containers"][0]
    container["ports"][0]["protocol"] = "TCP"
    container |= {"imagePullPolicy": "Always", **changes}
    found["spec"] |= {"replicas": 3, "strategy": {"type": "RollingUpdate"}}
    found["spec"]["template"]["containers"].insert(0, {"name": "sidecar"})
    found["metadata"] |= {"uid": "u", "resourceVersion": "7", "managedFields": [
        {"manager": "modelyard", "operation": "Apply", "fieldsV1": OURS},
        {"manager": "hpa", "operation": "Update", "subresource": "scale", "time": "2026-11-24T10:00:00Z",
         "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        {"manager": "old", "operation": "Update", "time": "2026-11-23T10:00:00Z",
         "fieldsV1": {"f:spec": {"f:replicas": {}}}},
    ]}  # fmt: skip
    return found


def test_defaults_sidecars_and_counts_of_others_are_no_difference() -> None:
    assert is_as_applied(live(), WANTED)


def test_a_value_that_differs_is_one() -> None:
    assert not is_as_applied(live(image="a:2"), WANTED)
    assert not is_as_applied(live(command=["b", "a"]), WANTED)


def test_a_field_that_is_new_or_no_longer_wanted_is_one() -> None:
    more = deepcopy(WANTED)
    more["spec"]["template"]["containers"][0]["tty"] = True
    assert not is_as_applied(live(), more)
    less = deepcopy(WANTED)
    del less["metadata"]["labels"]
    assert not is_as_applied(live(), less)
    another = deepcopy(WANTED)
    another["spec"]["template"]["containers"].append({"name": "second"})
    assert not is_as_applied(live(), another)


def test_a_field_that_another_took_is_one_though_its_value_is_ours() -> None:
    found = live()
    found["metadata"]["managedFields"][0] = {"manager": "argocd", "operation": "Apply", "fieldsV1": OURS}
    assert not is_as_applied(found, WANTED)


def test_defaults_within_a_field_held_whole_are_none_where_the_digest_says_so() -> None:
    """The API server completes a StatefulSet's claim templates, a field that is held whole."""
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    annotations = {"modelyard.dev/applied": "d1"}
    wanted: Object = {
        "kind": "StatefulSet", "metadata": {"name": "a", "annotations": annotations}, "spec": {"claims": [claim]},
    }  # fmt: skip
    tree = {"f:metadata": {"f:annotations": {"f:modelyard.dev/applied": {}}}, "f:spec": {"f:claims": {}}}
    found = deepcopy(wanted)
    found["spec"]["claims"][0] |= {"kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}
    found["metadata"]["managedFields"] = [{"manager": "modelyard", "operation": "Apply", "fieldsV1": tree}]
    assert is_as_applied(found, wanted)
    other = deepcopy(wanted)
    other["metadata"]["annotations"]["modelyard.dev/applied"] = "d2"
    assert not is_as_applied(found, other)
    del wanted["metadata"]["annotations"], tree["f:metadata"]
    assert not is_as_applied(found, wanted)


def test_the_latest_other_holder_of_a_field_is_told() -> None:
    holder = holder_of(live(), ("f:spec", "f:replicas"))
    assert holder is not None
    assert (holder.manager, holder.subresource) == ("hpa", "scale")
    assert not holds(live(), ("f:spec", "f:replicas"))
    port = ("f:spec", "f:template", "f:containers", 'k:{"name":"api"}', "f:ports", 'k:{"containerPort":80}')
    assert holds(live(), port)
    assert holder_of(live(), port) is None


def test_what_is_within_a_field_held_whole_is_held() -> None:
    path = ("f:spec", "f:template", "f:containers", 'k:{"name":"api"}', "f:command", "f:0")
    assert holds(live(), path)


def test_fields_are_named_as_kubectl_names_them() -> None:
    path = ("f:spec", "f:containers", 'k:{"name":"api"}', "f:image")
    assert field_name(path) == '.spec.containers[name="api"].image'
    assert (
        field_name(("f:metadata", "f:annotations", "f:modelyard.dev/x")) == '.metadata.annotations["modelyard.dev/x"]'
    )
