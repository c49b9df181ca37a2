"""What of one environment is in the cluster: an ApplySet (KEP-3659), so that kubectl and others see whose it is too.

A parent ConfigMap names the kinds that the set has; each member has the set's label. So one list a kind finds all that
was ever applied, and what is not wanted any more, whoever applied it and whatever was interrupted.
https://github.com/kubernetes/enhancements/tree/master/keps/sig-cli/3659-kubectl-apply-prune
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from modelyard.about import own_version
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.api_errors import Refusal
from modelyard.targets.kubernetes.kinds import BUILT_IN, CONFIG_MAP, PVC, Kind, Object, kind_of, name_of
from modelyard.targets.kubernetes.names import MANAGER, Scope
from modelyard.targets.kubernetes.ownership import refuse_foreign

ID = "applyset.kubernetes.io/id"
PART_OF = "applyset.kubernetes.io/part-of"
TOOLING = "applyset.kubernetes.io/tooling"
CONTAINS = "applyset.kubernetes.io/contains-group-kinds"
KINDS = "modelyard.dev/kinds"
"""The kinds again with their versions: a list needs one, and an operator's API may have none that we know of."""
DATA = PVC.name
_AT_ONCE = 8

Identity = tuple[str, str, str]
"""Group, kind and name: what it stays the same object by, whatever version it is written in."""


def identity_of(obj: Mapping[str, Any]) -> Identity:
    kind = kind_of(obj)
    return kind.group, kind.name, name_of(obj)


def set_id(scope: Scope) -> str:
    """As the KEP has it: of the parent's name, namespace, kind and group."""
    named = f"{parent_name(scope)}.{scope.namespace}.ConfigMap."
    digest = base64.urlsafe_b64encode(hashlib.sha256(named.encode()).digest()).decode().rstrip("=")
    return f"applyset-{digest}-v1"


def parent_name(scope: Scope) -> str:
    return scope.shared("applyset")


def member(obj: Object, scope: Scope) -> Object:
    labels = {**(obj["metadata"].get("labels") or {}), PART_OF: set_id(scope)}
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}}


def parent(scope: Scope, kinds: Iterable[Kind]) -> Object:
    known = sorted(set(kinds))
    return {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.name,
        "metadata": {
            "name": parent_name(scope),
            "namespace": scope.namespace,
            "labels": {**scope.labels, ID: set_id(scope)},
            "annotations": {
                **scope.annotations_of(),
                TOOLING: f"{MANAGER}/v{own_version()}",
                CONTAINS: ",".join(sorted({kind.group_kind for kind in known})),
                KINDS: ",".join(f"{kind.api_version}:{kind.name}" for kind in known),
            },
        },
    }


@dataclass(frozen=True)
class Inventory:
    """`live` are the objects that have the environment's labels; `kinds` what was looked for."""

    scope: Scope
    kinds: frozenset[Kind]
    live: Mapping[Identity, Object]
    parent: Object | None

    @classmethod
    def read(
        cls, api: Api, scope: Scope, objects: Iterable[Object] = (), kinds: Iterable[Kind] = (), *, whole: bool = True
    ) -> "Inventory":
        """One list a kind: of `objects`, of `kinds`, and, `whole`, of what was applied before.

        Not whole is for who only looks, and may not look at everything: the runner in its pod.
        """
        first = {*kinds, *(kind_of(obj) for obj in objects)}
        if not whole:
            return cls(scope, frozenset(first), _listed(api, scope, first), None)
        first.add(CONFIG_MAP)
        found = _listed(api, scope, first)
        before = found.get(("", CONFIG_MAP.name, parent_name(scope)))
        if before is not None:
            refuse_foreign(scope, before)
        known = {(kind.group, kind.name) for kind in first}
        late = {kind for kind in kinds_of(before) if (kind.group, kind.name) not in known}
        found |= _listed(api, scope, late, gone_is_fine=True)
        return cls(scope, frozenset(first | late), found, before)

    def pruned(self, objects: Iterable[Object]) -> list[Object]:
        """Members of the set that are not wanted any more, but for those that hold data: only `destroy` takes them.

        What nobody applied (Jobs of a run, state) is no member.
        """
        wanted = {identity_of(obj) for obj in objects}
        return [obj for obj in self.members() if identity_of(obj) not in wanted and obj["kind"] != DATA]

    def members(self) -> list[Object]:
        mine = set_id(self.scope)
        labelled = [obj for obj in self.live.values() if (obj["metadata"].get("labels") or {}).get(PART_OF) == mine]
        return [obj for obj in labelled if not controlled(obj)]


def controlled(obj: Mapping[str, Any]) -> bool:
    """Whether another object makes it: KServe gives what it makes all labels of its InferenceService, the set's too."""
    return any(owner.get("controller") for owner in obj["metadata"].get("ownerReferences") or ())


def _listed(api: Api, scope: Scope, kinds: Iterable[Kind], *, gone_is_fine: bool = False) -> dict[Identity, Object]:
    def listed(kind: Kind) -> Sequence[Object]:
        try:
            return [obj for obj in api.list(kind, scope.selector) if scope.owns(obj["metadata"])]
        except Refusal as error:
            # An operator was taken off the cluster, and its objects with it.
            if gone_is_fine and error.code == "missing-kind":
                return ()
            raise

    with ThreadPoolExecutor(_AT_ONCE, "list") as pool:
        return {identity_of(obj): obj for objects in pool.map(listed, sorted(kinds)) for obj in objects}


def kinds_of(parent: Object | None) -> set[Kind]:
    """What a set's parent says that it has."""
    annotations = (parent or {"metadata": {}})["metadata"].get("annotations") or {}
    kinds = {
        Kind(*named.rsplit(":", 1)) for named in str(annotations.get(KINDS) or "").split(",") if named.count(":") == 1
    }
    # Another tool may have written the set: the KEP's own annotation, as far as the kinds are built in.
    listed = set(str(annotations.get(CONTAINS) or "").split(","))
    return kinds | {kind for kind in BUILT_IN if kind.group_kind in listed}
