"""A cluster's «no», and what is to be said where it says nothing: one line each, with what to do."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.errors import ModelyardError
from modelyard.wording import on_one_line

GOES_ON = "then apply again: it goes on from here"


class Refusal(ModelyardError):  # noqa: N818 - as in ErrorGroup
    """The API server's «no». `status` is HTTP's, `reason` the Status object's (`NotFound`, `Conflict`, …).

    `unheard`: an earlier attempt at the same got no answer, and may have been done all the same.
    """

    def __init__(
        self, what: str, *, status: int, reason: str = "", fix: str | None = None, code: str = "refused"
    ) -> None:
        super().__init__(what, fix=fix, code=code)
        self.status = status
        self.reason = reason
        self.unheard = False


@dataclass(frozen=True, slots=True)
class Owned:
    """A field that another manager holds. `by_hand` where it was changed in place, not applied from manifests."""

    field: str
    manager: str
    by_hand: bool
    at: str | None = None

    def __str__(self) -> str:
        return f"{self.field} (held by {self.manager}{f', changed {self.at}' if self.at else ''})"


class FieldConflict(Refusal):
    """A server-side apply that would take fields from somebody else."""

    def __init__(self, title: str, owned: Sequence[Owned]) -> None:
        fields = ", ".join(map(str, owned))
        managers = " and ".join(dict.fromkeys(one.manager for one in owned))
        super().__init__(
            f"{title} has fields that somebody else manages: {fields}",
            fix=f"let {managers} give them up, or name them in the spec as they are there",
            status=409, reason="Conflict", code="field-conflict",
        )  # fmt: skip
        self.owned = tuple(owned)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a cluster, for the message that it refuses. `title` names the object: «Deployment api»."""

    verb: str
    title: str
    namespace: str
    cluster: str


def no_cluster(what: str, said: str) -> ModelyardError:
    fix = "name a `context` of your kubeconfig under `target.kubernetes` (`kubectl config get-contexts` lists them)"
    return ModelyardError(f"{what}: {on_one_line(said, 200)}", fix=fix, code="no-cluster")


def no_login(cluster: str, said: str) -> ModelyardError:
    """Of a kubeconfig whose login plugin fails."""
    fix = f"log in anew until `kubectl auth whoami` tells who you are, {GOES_ON}"
    return ModelyardError(f"{cluster} gives no login: {on_one_line(said, 300)}", fix=fix, code="expired-token")


def unreachable(cluster: str, error: Exception, host: str = "") -> ModelyardError:
    """Of a cluster that does not answer at all."""
    words = re.sub(
        r"HTTPS?Connection(Pool)?\([^)]*\): |\[Errno -?\d+\] ", "", str(getattr(error, "reason", None) or error)
    )
    said = on_one_line(words, 200)
    if "CERTIFICATE_VERIFY" in said or "certificate verify failed" in said:
        return ModelyardError(
            f"{cluster} shows a certificate that this kubeconfig does not trust: {said}", code="no-cluster",
            fix="put the cluster's `certificate-authority` into the kubeconfig (fetch its credentials anew)",
        )  # fmt: skip
    return ModelyardError(
        f"{cluster} does not answer{f' at {host}' if host else ''}: {said}", code="no-cluster",
        fix="start the cluster or its VPN (`kubectl cluster-info` asks the same), or name another `context` under "
            "`target.kubernetes`",
    )  # fmt: skip


def missing_kind(api_version: str, kind: str, cluster: str) -> Refusal:
    """Of a kind that this cluster does not know: an operator that is not installed, or an older cluster."""
    project = next((name for group, name in _PROJECTS.items() if api_version.startswith(group)), None)
    fix = f"install {project} on the cluster, or take it out of `target.kubernetes.operators`" if project else (
        f"install what brings {kind} to the cluster, or take out of the spec what asks for it"
    )  # fmt: skip
    what = f"{cluster} knows no {kind} of {api_version}"
    return Refusal(what, status=404, reason="NotFound", fix=fix, code="missing-kind")


_PROJECTS = {
    "trainer.kubeflow.org/": "Kubeflow Trainer",
    "kubeflow.org/": "Katib",
    "kueue.x-k8s.io/": "Kueue",
    "serving.kserve.io/": "KServe",
    "machinelearning.seldon.io/": "Seldon Core 1",
    "mlops.seldon.io/": "Seldon Core 2",
    "gateway.networking.k8s.io/": "the Gateway API",
    "external-secrets.io/": "External Secrets",
    "bitnami.com/": "Sealed Secrets",
    "monitoring.coreos.com/": "the Prometheus operator",
}
