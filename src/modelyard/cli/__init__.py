"""The command line: one file a command, each imported when it is typed."""

import sys


def main() -> None:
    """Entry point of `modelyard`. A person's mistake ends in one clear message and exit code 1, never a traceback."""
    from modelyard.cli.group import cli
    from modelyard.cli.guard import guarded

    sys.exit(guarded(cli))
