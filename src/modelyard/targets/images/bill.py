"""A bill of materials (CycloneDX 1.6) of what an image installs, beside what it is built from."""

import json
from collections.abc import Sequence


def bill_of_materials(name: str, constraints: Sequence[str]) -> bytes:
    """One component a pinned package. Neither time nor serial number: the same packages give the same bytes."""
    components = []
    for line in constraints:
        package, _, version = line.partition("==")
        purl = f"pkg:pypi/{package}@{version}"
        components.append({"type": "library", "bom-ref": purl, "name": package, "version": version, "purl": purl})
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": name}},
        "components": components,
    }
    return (json.dumps(bill, indent=1) + "\n").encode()
