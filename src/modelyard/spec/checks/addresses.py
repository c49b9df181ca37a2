"""Addresses in a spec: what they name, whether it exists, and whether it fits where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from modelyard.spec.checks.findings import At, Findings
from modelyard.spec.values import SECTIONS

if TYPE_CHECKING:
    from modelyard.spec.model import Spec

_ADDRESS = re.compile(r"([a-z]+)\.([A-Za-z0-9_-]+)(?::([A-Za-z0-9_-]+))?(?:@([A-Za-z0-9_.-]+))?$")
SPLITS = ("train", "val", "test")
DATA = ("sources", "steps", "features")
_SINGULAR = {
    "steps": "a step", "sources": "a source", "expectations": "an expectation", "features": "a feature view",
    "training": "a training", "tuning": "a study", "registry": "a registered model", "serving": "a server",
    "monitoring": "a monitor",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """`section.name:part@version`, taken apart."""

    section: str
    name: str
    part: str | None = None
    version: str | None = None

    @property
    def node(self) -> str:
        return f"{self.section}.{self.name}"


@lru_cache(maxsize=20_000)
def take_apart(text: str) -> Named | None:
    match = _ADDRESS.match(text)
    return Named(*match.groups()) if match else None


class Addresses:
    """Looks addresses up; what each thing reads is kept in `edges` for the search for cycles."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.spec = findings.spec
        self.edges: dict[str, list[tuple[str, At]]] = {}
        self._read_whole = _read_whole(self.spec)

    def look_up(self, at: At, text: str, kinds: Iterable[str], *, part: bool = True) -> Named | None:
        """What `text` names, where it exists and is one of `kinds`; else None, and the mistake is told.

        `part`: an output is read, so a step must be able to say which.
        """
        named = take_apart(text)
        if named is None:
            return None  # its shape was told by the typing
        if not self._exists(at, text, named, tuple(kinds)):
            return None
        if at[0] in SECTIONS:
            self.edges.setdefault(f"{at[0]}.{at[1]}", []).append((named.node, at))
        return named if self._part_fits(at, text, named, part) and self._version_fits(at, text, named) else None

    def splits(self, source: str) -> tuple[str, ...]:
        """The splits of a source: declared, or those that a training that reads it whole is given."""
        declared = self.spec.sources[source].split
        if declared is None:
            return SPLITS if source in self._read_whole else ()
        return tuple(split for split in SPLITS if getattr(declared.fractions, split))

    def data_type(self, named: Named) -> str | None:
        """files, images, table, …; None where it cannot be told."""
        if named.section == "sources":
            return self.spec.sources[named.name].type
        if named.section == "steps":
            outputs = self.spec.steps[named.name].outputs
            output = outputs.get(named.part) if named.part else next(iter(outputs.values()), None)
            return output.type if output else None
        return "table" if named.section == "features" else None

    def _exists(self, at: At, text: str, named: Named, kinds: tuple[str, ...]) -> bool:
        section = named.section
        if section not in SECTIONS:
            what = f"there is no section `{section}`"
            self.findings.unknown(at, section, what, kinds, kind="Sections that fit here", code="address")
            return False
        if section not in kinds:
            wanted = " or ".join(_SINGULAR[kind] for kind in kinds)
            self.findings.add(
                at, f"`{text}` is {_SINGULAR[section]}; here stands {wanted}", self._choices(kinds), "address"
            )
            return False
        names = getattr(self.spec, section)
        if named.name not in names:
            what = f"there is no `{named.node}`"
            if not names:
                self.findings.add(at, what, f"`{section}` is empty: add `{named.name}` there", "address")
            else:
                self.findings.unknown(at, named.name, what, list(names), kind=f"In `{section}`", code="address")
            return False
        return True

    def _choices(self, kinds: tuple[str, ...]) -> str:
        found = [f"{kind}.{name}" for kind in kinds for name in getattr(self.spec, kind)]
        return f"Here fit: {', '.join(found[:8])}{', …' if len(found) > 8 else ''}" if found else ""

    def _part_fits(self, at: At, text: str, named: Named, part: bool) -> bool:
        parts = self._parts(named)
        if named.part is None:
            if named.section != "steps" or not part or len(parts) == 1:
                return True
            if not parts:
                fix = f"Give it one: `outputs: {{data: {{type: files}}}}` under {named.node}"
                self.findings.add(at, f"`{named.node}` has no outputs to read", fix, "address-part")
            else:
                fix = "Name one of " + ", ".join(f"`{named.node}:{name}`" for name in parts)
                self.findings.add(at, f"`{text}` has several outputs", fix, "address-part")
            return False
        if named.part in parts:
            return True
        if named.section == "sources":
            self._no_split(at, named, parts)
        else:
            what = f"`{named.node}` has no {_PART.get(named.section, 'part')} `{named.part}`"
            self.findings.unknown(at, named.part, what, parts, kind="It has", code="address-part")
        return False

    def _no_split(self, at: At, named: Named, parts: tuple[str, ...]) -> None:
        if parts == ("data",):
            fix = f"Give it some: `split: {{train: 70%, val: 15%, test: 15%}}` under {named.node}"
            self.findings.add(at, f"`{named.node}` has no splits, so no `{named.part}`", fix, "address-part")
        else:
            what = f"`{named.node}` has no split `{named.part}`"
            self.findings.unknown(at, named.part or "", what, parts, kind="It has", code="address-part")

    def _parts(self, named: Named) -> tuple[str, ...]:
        if named.section == "steps":
            return tuple(self.spec.steps[named.name].outputs)
        if named.section == "sources":
            return ("data", *self.splits(named.name))
        if named.section == "features":
            return ("table", *self.spec.features[named.name].columns)
        return _PARTS.get(named.section, ())

    def _version_fits(self, at: At, text: str, named: Named) -> bool:
        if named.version is None:
            return True
        if named.section != "registry":
            if named.section != "sources":  # a source's snapshot by name: see `unsupported`
                self.findings.add(
                    at, f"`{named.node}` has no versions", f"Write `{text.partition('@')[0]}`", "address-version"
                )
            return False
        stages = list(self.spec.registry[named.name].promote)
        if named.version.isdigit() or named.version in stages:
            return True
        what = f"`{named.node}` is never promoted to `{named.version}`"
        self.findings.unknown(at, named.version, what, stages, kind="It goes to", code="address-version")
        return False


_PART = {"steps": "output", "features": "column"}
_PARTS = {
    "training": ("model", "plots", "metrics"), "tuning": ("model", "trials", "plots", "metrics"),
    "registry": ("version",), "expectations": ("report",),
}  # fmt: skip


def _read_whole(spec: Spec) -> frozenset[str]:
    """Sources without `split` that a training reads whole and is scored on: they are dealt out by default."""
    names = set()
    for training in spec.training.values():
        named = take_apart(training.data)
        if named and named.section == "sources" and not named.part and training.evaluate.data in (None, training.data):
            names.add(named.name)
    return frozenset(name for name in names if name in spec.sources and spec.sources[name].split is None)
