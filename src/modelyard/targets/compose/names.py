"""How what Modelyard makes on a Docker engine is named and labelled: nothing without these labels is ever touched."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelyard.targets.images.labels import PREFIX, PROJECT, ROOT

ENVIRONMENT = PREFIX + "environment"
ADDRESS = PREFIX + "address"
FINGERPRINT = PREFIX + "fingerprint"
RUN = PREFIX + "run"
PART = PREFIX + "part"
URL = PREFIX + "url"
KEEP = PREFIX + "keep"


@dataclass(frozen=True)
class Scope:
    """One environment of one project in one folder: who owns what on an engine."""

    project: str
    environment: str
    root: Path

    @property
    def compose_name(self) -> str:
        """Compose's project name: of lower-case letters, digits, `-` and `_`."""
        return re.sub(r"[^a-z0-9_-]+", "-", f"{self.project}-{self.environment}".lower()).strip("-_")

    @property
    def folder(self) -> Path:
        """Where the rendered files that apply works with are."""
        return self.root / ".modelyard" / "compose" / self.environment

    @property
    def scratch(self) -> str:
        """Where containers have a file system of their own in memory: `/tmp`, unless that would hide the project."""
        return "/var/tmp" if Path("/tmp") in self.root.parents else "/tmp"  # noqa: S108 - paths inside

    @property
    def labels(self) -> dict[str, str]:
        return {PROJECT: self.project, ENVIRONMENT: self.environment, ROOT: str(self.root)}

    def owns(self, labels: Mapping[str, str] | None) -> bool:
        return all((labels or {}).get(name) == value for name, value in self.labels.items())


def service_name(address: str) -> str:
    """`serving.api` → `api`; other services by their whole address, dots as dashes."""
    section, _, rest = address.partition(".")
    words = rest if section == "serving" and rest else address
    return re.sub(r"[^a-z0-9_-]+", "-", words.lower()).strip("-_")
