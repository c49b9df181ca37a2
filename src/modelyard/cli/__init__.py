"""The command line: one file a command, each imported when it is typed."""

import gc
import sys


def main() -> None:
    """Entry point of `modelyard`. A person's mistake ends in one clear message and exit code 1, never a traceback."""
    gc.set_threshold(100_000, 50, 100)  # a command makes many objects that live until its end, and next to no garbage
    from modelyard.cli.group import cli
    from modelyard.cli.guard import guarded

    code = guarded(cli)
    gc.freeze()  # Python's own ending would look through all of them once more
    sys.exit(code)
