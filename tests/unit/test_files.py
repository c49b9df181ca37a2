import errno
import os
import stat
from pathlib import Path

import pytest

from modelyard.files import write_whole


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_are_made_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    write_whole(path, "grün")
    write_whole(path, b"second", sync=True)
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("first")

    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "second", sync=True)
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_keeps_its_permissions_and_a_mode_that_is_asked_for_wins_over_the_umask(tmp_path):
    script, secret, shared = (tmp_path / name for name in ("run.sh", "secret", "shared"))
    script.write_text("old")
    script.chmod(0o750)
    before = os.umask(0o077)
    try:
        write_whole(script, "new")
        write_whole(secret, "x")
        write_whole(shared, "x", mode=0o644)
    finally:
        os.umask(before)
    assert [mode(path) for path in (script, secret, shared)] == [0o750, 0o600, 0o644]
