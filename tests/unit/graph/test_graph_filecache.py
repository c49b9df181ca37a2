"""The cache of digests is a shortcut: right or missing, never wrong."""

import json
import os
from pathlib import Path

import pytest

from modelyard.digests import digest_bytes
from modelyard.graph.filecache import FileCache, count_lines


def aged(path: Path, content: bytes) -> Path:
    """A file that was written a minute ago."""
    path.write_bytes(content)
    seconds = path.stat().st_mtime - 60
    os.utime(path, (seconds, seconds))
    return path


def cached(tmp_path: Path) -> tuple[Path, Path]:
    file, place = aged(tmp_path / "a", b"one"), tmp_path / "c" / "digests.json"
    cache = FileCache(place)
    cache.digest(file)
    cache.save()
    return file, place


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, place = cached(tmp_path)
    monkeypatch.setattr(
        Path, "read_bytes", lambda path: place.open("rb").read() if path == place else pytest.fail("read again")
    )
    assert FileCache(place).digest(file) == digest_bytes(b"one")


def test_a_file_that_was_just_written_is_read_again(tmp_path: Path) -> None:
    file, place = tmp_path / "a", tmp_path / "digests.json"
    file.write_bytes(b"one")
    cache = FileCache(place)
    cache.digest(file)
    status = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # a change that the clock did not see
    assert cache.digest(file) == digest_bytes(b"two")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"version":1,"files":{"a":[1]},"facts":{}}',
        b'{"version":99,"files":{},"facts":{}}',
        b'{"version":1}',
    ],
)
def test_a_corrupt_cache_is_dropped_and_made_again(tmp_path: Path, content: bytes) -> None:
    file, place = cached(tmp_path)
    place.write_bytes(content)
    cache = FileCache(place)
    assert cache.digest(file) == digest_bytes(b"one")
    cache.save()
    assert str(file) in json.loads(place.read_bytes())["files"]


def test_two_processes_add_to_one_cache(tmp_path: Path) -> None:
    place = tmp_path / "digests.json"
    one, two = FileCache(place), FileCache(place)
    one.digest(aged(tmp_path / "a", b"a"))
    two.digest(aged(tmp_path / "b", b"b"))
    one.save()
    two.save()
    assert sorted(map(os.path.basename, json.loads(place.read_bytes())["files"])) == ["a", "b"]


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a file where the folder should be")
    cache = FileCache(tmp_path / "c" / "digests.json")
    cache.digest(aged(tmp_path / "a", b"a"))
    cache.save()
    assert (tmp_path / "c").is_file()


@pytest.mark.parametrize(("content", "lines"), [(b"", 0), (b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"a\0b\n", 0)])
def test_lines_are_counted_as_an_editor_does(content: bytes, lines: int) -> None:
    assert count_lines(content) == lines
