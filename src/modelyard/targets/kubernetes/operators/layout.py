"""Objects of operators from their templates in `targets/kubernetes/operators/`: layout there, decisions here."""

from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from modelyard.resources import resource_folder
from modelyard.targets.kubernetes.kinds import Object

if TYPE_CHECKING:
    from jinja2 import Environment


def lay_out(template: str, /, **values: Any) -> Object:
    """The object that a template makes of `values`, which enter it as JSON, or in blocks of YAML."""
    text = _environment().get_template(f"{template}.yaml.j2").render(values)
    made: Object = yaml.load(text, Loader=_LOADER)  # noqa: S506 - safe in either form
    return made


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = resource_folder("targets") / "kubernetes" / "operators"
    # No HTML comes out of here: values go through `tojson`.
    return Environment(
        loader=FileSystemLoader(folder), undefined=StrictUndefined, trim_blocks=True, autoescape=False  # noqa: S701
    )  # fmt: skip
