"""The options that all commands share, and what they mean."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from modelyard.spec import LoadedSpec

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Common:
    """Where the project is, in which environment, and how to talk."""

    directory: Path = Path()
    file: str | None = None
    environment: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    quiet: bool = False
    verbose: bool = False
    color: bool | None = None

    def spec_path(self) -> Path:
        """The spec named by -f, or `mlops.yaml` here or in the nearest folder above. Raises ModelyardError."""
        from modelyard.spec.find import find_spec

        return self.directory / self.file if self.file else find_spec(self.directory)

    def load(self, *, data: bool = True) -> "LoadedSpec":
        from modelyard.api import load

        return load(self.spec_path(), environment=self.environment, variables=self.variables, data=data)

    def say(self, text: str) -> None:
        """For people: stderr, unless quiet."""
        if not self.quiet:
            click.echo(text, err=True, color=self.color)


def _variables(_ctx: click.Context, _param: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair:
            raise click.BadParameter(f"`{pair}` has no `=`; write --var NAME=VALUE")
    return dict(pair.split("=", 1) for pair in pairs)


_OPTIONS = [
    click.option(
        "-C", "directory", type=click.Path(path_type=Path), default=Path(), metavar="DIR", help="Work in DIR."
    ),
    click.option("-f", "--file", metavar="FILE", help="The spec (default: mlops.yaml, here or above)."),
    click.option("-e", "--environment", metavar="NAME", envvar="MODELYARD_ENVIRONMENT", help="The environment."),
    click.option(
        "--var", "variables", multiple=True, callback=_variables, metavar="NAME=VALUE", help="Set a variable."
    ),
    click.option("-q", "--quiet", is_flag=True, help="Say only what matters."),
    click.option("-v", "--verbose", is_flag=True, help="Say more."),
    click.option("--no-color", is_flag=True, help="No colour (as with NO_COLOR)."),
]


def common_options(function: F) -> F:
    """Give a command -C, -f, -e, --var, -q, -v and --no-color; it receives them as one `common`."""
    from functools import wraps

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        names = ("directory", "file", "environment", "variables", "quiet", "verbose")
        plain = kwargs.pop("no_color") or bool(os.environ.get("NO_COLOR"))
        common = Common(**{name: kwargs.pop(name) for name in names}, color=False if plain else None)
        if common.color is False:
            click.get_current_context().color = False
        if not common.directory.is_dir():
            raise click.BadParameter(f"`{common.directory}` is not a folder", param_hint="-C")
        return function(*args, common=common, **kwargs)

    for option in reversed(_OPTIONS):
        wrapper = option(wrapper)
    return wrapper  # type: ignore[return-value]


def format_option(*formats: str) -> Callable[[F], F]:
    """`--format`, the first of `formats` being the default."""
    return click.option("--format", "form", type=click.Choice(formats), default=formats[0], help="How to print it.")


def lock_wait_option(function: F) -> F:
    """`--lock-wait`, for what writes to the state."""
    words = "Wait so long for another apply or destroy to end."
    return click.option("--lock-wait", type=click.FloatRange(0), default=0.0, metavar="SECONDS", help=words)(function)


def how_arguments(how: Mapping[str, Any]) -> list[str]:
    """How an apply is to be carried out, on the command line of the process that does it."""
    found = [f"--parallelism={how['parallelism']}"] if how["parallelism"] else []
    found += ["--keep-going"] if how["keep_going"] else []
    return [*found, *([f"--lock-wait={how['lock_wait']}"] if how["lock_wait"] else [])]
