"""How what Modelyard makes in a cluster is named and labelled: nothing without these labels is ever touched."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

PREFIX = "modelyard.dev/"
PROJECT = PREFIX + "project"
ENVIRONMENT = PREFIX + "environment"
ADDRESS = PREFIX + "address"
OWNER = PREFIX + "owner"
FINGERPRINT = PREFIX + "fingerprint"
RUN = PREFIX + "run"
ATTEMPT = PREFIX + "attempt"
MANAGED_BY = "app.kubernetes.io/managed-by"
COMPONENT = "app.kubernetes.io/component"
MANAGER = "modelyard"

LONGEST = 52
"""Of a CronJob: the API server leaves eleven letters to the Jobs that it makes."""
_LONGEST_INSTANCE = 40
_LONGEST_VALUE = 63
_HASH = 8
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)?")
_PLAIN = re.compile(r"[a-z]+(?:\.[a-z0-9][a-z0-9-]*)?")


@dataclass(frozen=True)
class Scope:
    """One environment of one project in one namespace: who owns what in a cluster."""

    project: str
    environment: str = "default"
    namespace: str = "default"

    @cached_property
    def instance(self) -> str:
        """`flights-prod`: what every object's name begins with."""
        text = f"{self.project}-{self.environment}"
        named = _dns(text)
        return named if len(named) <= _LONGEST_INSTANCE else _cut(named, _LONGEST_INSTANCE, text)

    @property
    def owner(self) -> str:
        """Both names as they are written: labels and object names may hold only a shortened form."""
        return f"{self.project}/{self.environment}"

    @cached_property
    def labels(self) -> dict[str, str]:
        """Of every object of this environment."""
        return {
            "app.kubernetes.io/instance": self.instance,
            "app.kubernetes.io/part-of": label_value(self.project),
            MANAGED_BY: MANAGER,
            **self.own_labels,
        }

    @cached_property
    def own_labels(self) -> dict[str, str]:
        """The fewest that tell this environment's objects from all others: what selectors match."""
        return {PROJECT: label_value(self.project), ENVIRONMENT: label_value(self.environment)}

    @property
    def selector(self) -> str:
        """The same as the API's `labelSelector`."""
        return ",".join(f"{name}={value}" for name, value in self.own_labels.items())

    def name(self, address: str) -> str:
        """The object of an address: `serving.api` → `flights-prod-serving-api`, the same one each time."""
        return self._within(LONGEST, address)

    def shared(self, part: str) -> str:
        """An object of the whole environment: `runner`, `secrets`, `store`."""
        return f"{self.instance}-{part}"

    def job_name(self, address: str, run_id: str, attempt: int) -> str:
        """One of its kind for each attempt, short enough for the pods, and their indexes, that come of it."""
        suffix = f"-{re.sub('[^a-z0-9]', '', run_id.lower())[:8]}-{attempt}"
        return self._within(LONGEST - len(suffix), address) + suffix

    def study_name(self, address: str, fingerprint: str) -> str:
        """The same each time, so that it is found again. Katib takes 40 letters, and adds to them for what it makes."""
        told_by = f"{self.instance}-{address}"
        named, longest = _dns(told_by), _LONGEST_INSTANCE - _HASH - 1
        begun = named if len(named) <= longest and _PLAIN.fullmatch(address) else _cut(named, longest, told_by)
        return f"{begun}-{short(fingerprint)[:_HASH]}"

    def _within(self, longest: int, address: str) -> str:
        """Two addresses never share a name: what is cut, or has letters that a name may not have, gets a hash."""
        named = _dns(f"{self.instance}-{address}")
        return named if len(named) <= longest and _PLAIN.fullmatch(address) else _cut(named, longest, address)

    def match(self, address: str) -> dict[str, str]:
        """What the selector of a workload names: it never changes, whatever is deployed there."""
        return {**self.own_labels, ADDRESS: label_value(address)}

    def labels_of(self, address: str, kind: str, fingerprint: str | None = None) -> dict[str, str]:
        version = {"app.kubernetes.io/version": short(fingerprint)} if fingerprint else {}
        return {
            "app.kubernetes.io/name": label_value(address.partition(".")[2] or address),
            **version,
            COMPONENT: kind,
            **self.labels,
            ADDRESS: label_value(address),
        }

    def annotations_of(self, address: str | None = None, fingerprint: str | None = None) -> dict[str, str]:
        """Whole where a label's value may be shortened."""
        known = {OWNER: self.owner, ADDRESS: address, FINGERPRINT: fingerprint}
        return {name: value for name, value in known.items() if value}

    def owns(self, metadata: Mapping[str, object] | None) -> bool:
        """Whether an object's metadata says that it is this environment's, and Modelyard's."""
        found = metadata or {}
        labels, annotations = found.get("labels") or {}, found.get("annotations") or {}
        assert isinstance(labels, Mapping)  # as the API has it
        assert isinstance(annotations, Mapping)
        ours = all(labels.get(name) == value for name, value in self.own_labels.items())
        return ours and annotations.get(OWNER, self.owner) == self.owner


def short(fingerprint: str) -> str:
    """A fingerprint as a label's value may hold it: twelve of its digits."""
    return fingerprint.rpartition(":")[2][:12]


def label_value(text: str) -> str:
    """`text`, or a part of it and its hash where a label's value may not be so."""
    if len(text) <= _LONGEST_VALUE and _VALUE.fullmatch(text):
        return text
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[: _LONGEST_VALUE - _HASH - 1].strip("-_.")
    return f"{plain}-{_hash(text)}" if plain else _hash(text)


def _dns(text: str) -> str:
    """The letters of a DNS-1035 label: a Service's name begins with a letter."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return plain if plain[:1].isalpha() else f"m-{plain}".rstrip("-")


def _cut(named: str, longest: int, told_by: str) -> str:
    return f"{named[: longest - _HASH - 1].rstrip('-')}-{_hash(told_by)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]
