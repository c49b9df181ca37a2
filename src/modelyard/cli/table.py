"""A plain table: aligned columns, no lines, header dim."""

from collections.abc import Sequence

import click

from modelyard.cli.options import Common
from modelyard.cli.session import has_color, terminal_width

_STATUS_COLORS = {
    "ok": "green", "ready": "green", "done": "green",
    "failed": "red", "unhealthy": "red", "timeout": "red", "out-of-memory": "red", "missing": "red",
    "stopped": "yellow", "cancelled": "yellow", "interrupted": "yellow", "starting": "yellow", "drift": "yellow",
}  # fmt: skip


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], common: Common) -> None:
    """Print rows under a header, cut to the terminal's width."""
    widths = [max(len(str(row[at])) for row in [header, *rows]) for at in range(len(header))]
    width, color = terminal_width(), has_color(common)
    for number, row in enumerate([header, *rows]):
        cells = [f"{value!s:<{widths[at]}}" for at, value in enumerate(row)]
        line = "  ".join(cells).rstrip()
        line = line if width is None or len(line) <= width else line[: width - 1] + "…"
        click.echo(_paint(line, row, number == 0) if color else line)


def _paint(line: str, row: Sequence[str], header: bool) -> str:
    if header:
        return click.style(line, dim=True)
    for value in row:
        if value in _STATUS_COLORS:
            return line.replace(value, click.style(value, fg=_STATUS_COLORS[value]), 1)
    return line
