"""The number of replicas, given over to an autoscaler: a field that is given up, and that nobody else holds, goes.

The server would put its default there, and an endpoint of eight would be one until its autoscaler has looked. So a
second manager of ours takes the number as it is, before we give it up.
https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership
"""

from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.fields import holders
from modelyard.targets.kubernetes.kinds import Object
from modelyard.targets.kubernetes.names import MANAGER

HANDOVER = f"{MANAGER}-replicas"


def leave_replicas(api: Api, wanted: Object, live: Object) -> None:
    """Keep the number that `live` has where we hold it, and where `wanted` does not say it any more."""
    number = (live.get("spec") or {}).get("replicas")
    if number is None or "replicas" in (wanted.get("spec") or {}):
        return
    if not any(holder.ours and "f:replicas" in holder.tree.get("f:spec", {}) for holder in holders(live)):
        return
    kept = {key: wanted["metadata"][key] for key in ("name", "namespace") if key in wanted["metadata"]}
    part = {
        "apiVersion": wanted["apiVersion"], "kind": wanted["kind"], "metadata": kept, "spec": {"replicas": number},
    }  # fmt: skip
    api.apply(part, manager=HANDOVER)
