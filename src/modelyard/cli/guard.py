"""From exceptions to messages and exit codes."""

import os
import sys
from typing import Any

import click

from modelyard.errors import ErrorGroup, ModelyardError


def guarded(command: click.Command) -> int:  # noqa: PLR0911 - one way out a kind of ending
    """Run the command line. Gives its exit code: 0 done, 1 error, 2 wrong usage or changes pending, 130 interrupted."""
    try:
        result = command.main(prog_name="modelyard", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Stopped.", err=True)
        return 130
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ModelyardError as error:
        show_error(error)
        return 130 if error.code == "cancelled" else 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        show_error(_from_os_error(error))
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort: a defect of ours, kept for a report
        show_defect(error)
        return 1
    return result if isinstance(result, int) else 0


def show_error(error: ModelyardError) -> None:
    """Print an error for people on stderr, with the source line where there is one."""
    if isinstance(error, ErrorGroup) or error.where is not None:
        from modelyard.spec.report import report_text

        click.echo(report_text(error, style=_styled), err=True, nl=False)
        return
    head = f"{error.address}: " if error.address else ""
    click.echo(click.style("Error: ", fg="red", bold=True) + head + error.what, err=True)
    for line in error.details:
        click.echo(f"  │ {line}", err=True)
    if error.fix:
        click.echo(f"  {error.fix}", err=True)


_STYLES: dict[str, dict[str, Any]] = {
    "place": {"bold": True}, "address": {"fg": "cyan"}, "what": {"fg": "red"}, "fix": {}, "caret": {"fg": "red"},
    "dim": {"dim": True},
}  # fmt: skip


def _styled(name: str, text: str) -> str:
    """Colour, which click takes out again where stderr is no terminal."""
    return click.style(text, **_STYLES.get(name, {}))


def show_defect(error: Exception) -> None:
    """A defect of Modelyard's own: one line, and the traceback in a file to send in."""
    import tempfile
    import traceback

    text = "".join(traceback.format_exception(error))
    with tempfile.NamedTemporaryFile("w", prefix="modelyard-defect-", suffix=".txt", delete=False) as stream:
        stream.write(text)
    click.echo(
        click.style("Error: ", fg="red", bold=True) + f"a defect in Modelyard: {type(error).__name__}: {error}\n"
        f"  Nothing was lost. The details are in {stream.name}; please send them in.",
        err=True,
    )
    if os.environ.get("MODELYARD_TRACEBACK"):
        click.echo(text, err=True)


def _from_os_error(error: OSError) -> ModelyardError:
    import errno

    place = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return ModelyardError(f"the disk is full{place}", fix="Free some space; `modelyard apply` goes on from there.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ModelyardError(f"no permission{place}", fix="Check the owner and the mode of that path.")
    return ModelyardError(f"{error.strerror or error}{place}")
