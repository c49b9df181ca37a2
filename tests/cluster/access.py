"""Who asks, and what they may: tokens, and RBAC of service accounts from the roles that the server stores."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from cluster.refusals import Refusal
from cluster.resources import Resource, Resources
from cluster.storage import Storage

Object = dict[str, Any]
ADMIN = "kubernetes-admin"


@dataclass(frozen=True)
class Asked:
    """One thing that somebody may or may not do."""

    verb: str
    group: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def what(self) -> str:
        return f"{self.plural}/{self.subresource}" if self.subresource else self.plural


@dataclass
class Access:
    """`deny` takes a right away from everyone, on demand: `server.access.deny(group="batch", plural="jobs")`."""

    resources: Resources
    storage: Storage
    tokens: dict[str, str] = field(default_factory=dict)
    denied: list[Mapping[str, str]] = field(default_factory=list)

    def token_of(self, user: str) -> str:
        """A token for a user; for a service account the name is `system:serviceaccount:NAMESPACE:NAME`."""
        token = uuid4().hex
        self.tokens[token] = user
        return token

    def expire(self) -> None:
        """All tokens that were ever given."""
        self.tokens.clear()

    def deny(self, **rule: str) -> None:
        """Keys of `Asked`; what is not named is any."""
        self.denied.append(rule)

    def user(self, header: str) -> str:
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer" or token not in self.tokens:
            raise Refusal(401, "Unauthorized")
        return self.tokens[token]

    def check(self, user: str, asked: Asked) -> None:
        if self.may(user, asked):
            return
        where = f' in the namespace "{asked.namespace}"' if asked.namespace else " at the cluster scope"
        what = f"{asked.plural}.{asked.group}" if asked.group else asked.plural
        named = f' "{asked.name}"' if asked.name else ""
        text = (
            f'{what}{named} is forbidden: User "{user}" cannot {asked.verb} resource "{asked.what}" '
            f'in API group "{asked.group}"{where}'
        )
        raise Refusal(403, text, details={"name": asked.name, "group": asked.group, "kind": asked.plural})

    def may(self, user: str, asked: Asked) -> bool:
        if any(all(getattr(asked, key) == value for key, value in rule.items()) for rule in self.denied):
            return False
        if user == ADMIN:
            return True
        return any(_allows(rule, asked) for rule in self._rules(user, asked.namespace))

    def _rules(self, user: str, namespace: str) -> Iterator[Mapping[str, Any]]:
        for binding in self._all("ClusterRoleBinding", ""):
            if _binds(binding, user):
                yield from self._role("ClusterRole", "", binding["roleRef"]["name"])
        for binding in self._all("RoleBinding", namespace) if namespace else ():
            if _binds(binding, user):
                reference = binding["roleRef"]
                home = namespace if reference["kind"] == "Role" else ""
                yield from self._role(reference["kind"], home, reference["name"])

    def _role(self, kind: str, namespace: str, name: str) -> list[Mapping[str, Any]]:
        for role in self._all(kind, namespace):
            if role["metadata"]["name"] == name:
                return list(role.get("rules") or ())
        return []

    def _all(self, kind: str, namespace: str) -> list[Object]:
        return self.storage.listed(self.resources.of_kind(kind), namespace)[0]

    def review(self, resource: Resource, user: str, body: Object) -> Object:
        """Of the kinds that are asked and not stored."""
        if resource.kind == "SelfSubjectReview":
            return {**body, "status": {"userInfo": {"username": user}}}
        if resource.kind == "SelfSubjectRulesReview":
            rules = list(self._rules(user, body["spec"].get("namespace", "")))
            if user == ADMIN:
                rules = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
            return {**body, "status": {"resourceRules": rules, "nonResourceRules": [], "incomplete": False}}
        wanted = body["spec"].get("resourceAttributes") or {}
        asked = Asked(
            wanted.get("verb", ""), wanted.get("group", ""), wanted.get("resource", ""), wanted.get("namespace", ""),
            wanted.get("name", ""), wanted.get("subresource", ""),
        )  # fmt: skip
        return {**body, "status": {"allowed": self.may(user, asked)}}


def _binds(binding: Object, user: str) -> bool:
    for subject in binding.get("subjects") or ():
        if subject["kind"] == "ServiceAccount":
            home = subject.get("namespace") or binding["metadata"].get("namespace", "")
            if user == f"system:serviceaccount:{home}:{subject['name']}":
                return True
        elif subject["kind"] == "User" and subject["name"] == user:
            return True
    return False


def _allows(rule: Mapping[str, Any], asked: Asked) -> bool:
    def has(key: str, value: str) -> bool:
        return value in (rule.get(key) or ()) or "*" in (rule.get(key) or ())

    names = rule.get("resourceNames") or ()
    named = not names or asked.name in names
    return has("verbs", asked.verb) and has("apiGroups", asked.group) and has("resources", asked.what) and named
