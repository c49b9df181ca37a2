"""Each refusal of an API server, in the words that Kubernetes uses, is one line with what to do."""

from typing import Any

import pytest

from modelyard.targets.kubernetes.api_errors import Asked, FieldConflict, missing_kind, unreachable
from modelyard.targets.kubernetes.refusing import refusal

ASKED = Asked("create", "Deployment api", "work", "context prod")


@pytest.mark.parametrize(
    ("status", "said", "code", "what", "fix"),
    [
        (401, "Unauthorized", "expired-token", "context prod does not accept this login", "kubectl auth whoami"),
        (
            403,
            'pods is forbidden: User "system:anonymous" cannot get resource "pods" in API group "" in the namespace ""',
            "expired-token",
            "does not accept this login",
            "log in anew",
        ),
        (
            403,
            'pods "a" is forbidden: User "ann" cannot get resource "pods/log" in API group "" in the namespace "work"',
            "no-rights",
            "Deployment api: ann may not get log of pods in namespace work",
            '{apiGroups: [""], resources: ["pods/log"], verbs: ["get"]}',
        ),
        (
            403,
            'nodes is forbidden: User "ann" cannot list resource "nodes" in API group "" at the cluster scope',
            "no-rights",
            "in the whole cluster",
            "added to a ClusterRole",
        ),
        (
            403,
            'jobs.batch "a" is forbidden: unable to create new content in namespace w because it is being terminated',
            "namespace-terminating",
            "namespace work is being deleted",
            "then apply again",
        ),
        (
            404,
            'namespaces "work" not found',
            "no-namespace",
            "no namespace work on context prod",
            "kubectl create namespace work",
        ),
        (
            403,
            'pods "api-1" is forbidden: exceeded quota: team, requested: cpu=2, used: cpu=3, limited: cpu=4',
            "quota-exceeded",
            "quota team of namespace work is used up: requested: cpu=2",
            "kubectl describe resourcequota team -n work",
        ),
        (
            403,
            'pods "a" is forbidden: failed quota: team: must specify limits.cpu for: task',
            "quota-exceeded",
            "quota team of namespace work wants to be told more: must specify limits.cpu",
            "name that in its `resources`",
        ),
        (
            403,
            'pods "a" is forbidden: [maximum memory usage per Container is 1Gi, but limit is 4Gi]',
            "quota-exceeded",
            "namespace work bounds what a pod may ask for: maximum memory usage per Container is 1Gi, but limit is 4Gi",
            "kubectl describe limitrange -n work",
        ),
        (
            400,
            'admission webhook "policy.example.org" denied the request: no latest tags',
            "admission-denied",
            "the cluster's admission rule policy.example.org denies it: no latest tags",
            "exception",
        ),
        (
            422,
            "Job a is forbidden: ValidatingAdmissionPolicy 'owners' with binding 'b' denied request: no owner label",
            "admission-denied",
            "admission rule owners denies it: no owner label",
            "exception",
        ),
        (
            500,
            'Internal error occurred: failed calling webhook "sidecar.example.org": failed to call webhook: Post: EOF',
            "cluster-not-well",
            "webhook sidecar.example.org does not answer",
            "then apply again",
        ),
        (
            403,
            'pods "a" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            "admission-denied",
            "enforces Pod Security restricted:latest: runAsNonRoot != true",
            "restricted",
        ),
        (
            409,
            'deployments.apps "api" already exists',
            "already-exists",
            "Deployment api exists already",
            "apply again",
        ),
        (
            422,
            'Job.batch "a" is invalid: spec.template: Invalid value: {}: field is immutable',
            "immutable-field",
            "cannot be changed once it is made",
            "kubectl delete deployment/api -n work",
        ),
        (
            503,
            "the server is currently unable to handle the request",
            "cluster-not-well",
            "context prod is not well",
            "readyz",
        ),
        (418, "I'm a teapot", "refused", "I'm a teapot", "then apply again"),
    ],
)
def test_refusals(status: int, said: str, code: str, what: str, fix: str) -> None:
    found = refusal(status, {"message": said, "reason": "Why"}, ASKED)
    assert (found.code, found.status, found.reason) == (code, status, "Why")
    assert what in found.what
    assert fix in str(found.fix)
    assert "\n" not in found.what


def conflict(*said: tuple[str, str]) -> FieldConflict:
    causes: list[Any] = [{"reason": "FieldManagerConflict", "field": field, "message": text} for field, text in said]
    found = refusal(409, {"reason": "Conflict", "message": "Apply failed", "details": {"causes": causes}}, ASKED)
    assert isinstance(found, FieldConflict)
    return found


def test_a_conflict_names_field_manager_and_time() -> None:
    found = conflict((".spec.replicas", 'conflict with "kubectl-edit" using apps/v1 at 2026-11-24T10:00:00Z'))
    [held] = found.owned
    assert (held.manager, held.by_hand, held.at) == ("kubectl-edit", True, "2026-11-24T10:00:00Z")
    assert ".spec.replicas (held by kubectl-edit, changed 2026-11-24T10:00:00Z)" in found.what


@pytest.mark.parametrize(
    "said", ['conflict with "argocd"', 'conflict with "hpa" with subresource "scale" using apps/v1']
)
def test_who_applies_manifests_or_scales_is_no_hand(said: str) -> None:
    assert not conflict((".spec.replicas", said)).owned[0].by_hand


def test_kubectl_scale_is_a_hand() -> None:
    said = 'conflict with "kubectl" with subresource "scale" using apps/v1 at 2026-11-24T10:00:00Z'
    assert conflict((".spec.replicas", said)).owned[0].by_hand


def test_what_an_operators_kind_needs_is_named() -> None:
    assert "install Kubeflow Trainer" in str(missing_kind("trainer.kubeflow.org/v1alpha1", "TrainJob", "context a").fix)
    assert "install Katib" in str(missing_kind("kubeflow.org/v1beta1", "Experiment", "context a").fix)
    assert "install what brings Thing" in str(missing_kind("example.org/v1", "Thing", "context a").fix)


def test_a_certificate_and_a_silence_are_told_apart() -> None:
    untrusted = unreachable("context a", OSError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"))
    assert "certificate-authority" in str(untrusted.fix)
    assert "does not answer: connection refused" in unreachable("context a", OSError("connection refused")).what
