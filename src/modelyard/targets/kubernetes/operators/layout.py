"""Objects of operators from their templates in `targets/kubernetes/operators/`: layout there, decisions here."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from modelyard.resources import resource_folder
from modelyard.targets.kubernetes.kinds import Object
from modelyard.targets.templates import environment_of


def lay_out(template: str, /, **values: Any) -> Object:
    """The object that a template makes of `values`, which enter it as JSON, or in blocks of YAML."""
    text = environment_of(_folder()).get_template(f"{template}.yaml.j2").render(values)
    made: Object = yaml.load(text, Loader=_LOADER)  # noqa: S506 - safe in either form
    return made


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def _folder() -> Path:
    return resource_folder("targets") / "kubernetes" / "operators"
