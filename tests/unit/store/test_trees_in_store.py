import os
import stat
from pathlib import Path

import pytest

from modelyard.digests import digest_bytes
from modelyard.errors import ModelyardError
from modelyard.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open({}, tmp_path)


def folder(at: Path, **files: str) -> Path:
    """`a__b="x"` makes the file a/b with x in it."""
    at.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = at / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return at


def contents(at: Path) -> dict[str, str]:
    return {path.relative_to(at).as_posix(): path.read_text() for path in at.rglob("*") if path.is_file()}


def test_a_folder_comes_back_as_it_was(store, tmp_path):
    put = store.put_tree(folder(tmp_path / "out", a="1", sub__b="22", sub__deep__c=""))
    back = store.materialize(put.digest, tmp_path / "in")
    assert contents(back) == {"a": "1", "sub/b": "22", "sub/deep/c": ""}
    assert (put.files, put.bytes) == (3, 3)
    assert [entry["path"] for entry in store.manifest(put.digest)] == ["a", "sub/b", "sub/deep/c"]
    assert store.open_file(put.digest, "sub/b").read() == b"22"


def test_the_digest_is_of_names_and_content_only(store, tmp_path):
    first = folder(tmp_path / "one", a="1", b="2")
    second = folder(tmp_path / "two", b="2", a="1")
    os.utime(second / "a", (0, 0))
    (second / "b").chmod(0o755)
    (second / "empty").mkdir()
    assert store.put_tree(first).digest == store.put_tree(second).digest
    assert store.put_tree(folder(second, a="3")).digest != store.put_tree(first).digest


def test_an_empty_folder_is_a_tree_too(store, tmp_path):
    put = store.put_tree(folder(tmp_path / "out"))
    assert store.has(put.digest)
    assert contents(store.materialize(put.digest, tmp_path / "in")) == {}


def test_many_files_are_put_and_the_same_bytes_are_kept_once(store, tmp_path):
    out = folder(tmp_path / "out", **{f"f{index}": str(index % 3) for index in range(60)})
    put = store.put_tree(out)
    assert put.files == 60
    assert len(list((store.path / "objects").rglob("??/*"))) == 3
    assert contents(store.materialize(put.digest, tmp_path / "in")) == contents(out)


def test_objects_share_nothing_with_what_was_put(store, tmp_path):
    out = folder(tmp_path / "out", a="before")
    put = store.put_tree(out)
    (out / "a").write_text("after!")
    assert contents(store.materialize(put.digest, tmp_path / "in")) == {"a": "before"}
    (stored,) = (path for path in (store.path / "objects").rglob("*") if path.is_file())
    assert stat.S_IMODE(stored.stat().st_mode) == 0o444


def test_writing_to_what_was_laid_out_does_not_reach_the_store(store, tmp_path):
    put = store.put_tree(folder(tmp_path / "out", a="before"))
    laid = store.materialize(put.digest, tmp_path / "in")
    assert not (laid / "a").stat().st_mode & 0o222
    if os.geteuid() == 0:  # root is not stopped by read-only
        (laid / "a").write_text("spoilt")
    writable = store.materialize(put.digest, tmp_path / "own", writable=True)
    (writable / "a").write_text("mine")
    assert contents(store.materialize(put.digest, tmp_path / "again")) == {"a": "before"}


def test_a_damaged_object_is_found_and_never_handed_out(store, tmp_path):
    put = store.put_tree(folder(tmp_path / "out", a="before"))
    (stored,) = (path for path in (store.path / "objects").rglob("*") if path.is_file())
    stored.chmod(0o644)
    stored.write_text("beforE")  # the same size
    assert not store.has(put.digest)
    with pytest.raises(ModelyardError, match="not in the store"):
        store.materialize(put.digest, tmp_path / "in")
    assert store.put_tree(tmp_path / "out") == put
    assert store.has(put.digest)


def test_damage_that_hides_its_time_is_found_by_hashing(store, tmp_path):
    put = store.put_tree(folder(tmp_path / "out", a="before"))
    (stored,) = (path for path in (store.path / "objects").rglob("*") if path.is_file())
    sealed = stored.stat().st_mtime_ns
    stored.chmod(0o644)
    stored.write_text("beforE")
    os.utime(stored, ns=(sealed, sealed))
    with pytest.raises(ModelyardError):
        store.open_file(put.digest, "a")
    assert not store.verify(put.digest)


def test_a_touched_object_that_is_sound_is_kept(store, tmp_path):
    put = store.put_tree(folder(tmp_path / "out", a="1"))
    (stored,) = (path for path in (store.path / "objects").rglob("*") if path.is_file())
    stored.touch()
    assert store.has(put.digest)
    assert store.verify(put.digest)


def test_links_inside_are_followed_and_others_refused(store, tmp_path):
    out = folder(tmp_path / "out", a="1")
    (out / "link").symlink_to("a")
    assert contents(store.materialize(store.put_tree(out).digest, tmp_path / "in")) == {"a": "1", "link": "1"}
    for target in ("/etc/passwd", "../secret", "gone", "."):
        (out / "link").unlink()
        (out / "link").symlink_to(target)
        with pytest.raises(ModelyardError, match="link"):
            store.put_tree(out)


def test_pipes_and_names_that_cannot_be_kept_are_refused(store, tmp_path):
    os.mkfifo(folder(tmp_path / "one") / "pipe")
    with pytest.raises(ModelyardError, match="neither a file nor a folder"):
        store.put_tree(tmp_path / "one")
    (folder(tmp_path / "two") / os.fsdecode(b"\xff")).touch()
    with pytest.raises(ModelyardError, match="not UTF-8"):
        store.put_tree(tmp_path / "two")


@pytest.mark.parametrize("path", ["../out", "/etc/cron.d/x", "a/../../b", "a//b", "", ".", "a\\b", "C:x", "a\0b"])
def test_a_manifest_that_leaves_its_folder_is_refused(store, tmp_path, path):
    text = ("b3:" + "0" * 64).join(["", ""]) or digest_bytes(b"")
    escaped = path.replace("\\", "\\\\").replace("\0", "\\u0000")
    data = f'[["{escaped}",0,"{text}"]]'.encode()
    digest = digest_bytes(data)
    place = store.path / "trees" / digest[3:5] / f"{digest[3:]}.json"
    place.parent.mkdir(parents=True)
    place.write_bytes(data)
    with pytest.raises(ModelyardError, match="refused"):
        store.materialize(digest, tmp_path / "in")


def test_a_manifest_that_was_changed_is_not_believed(store, tmp_path):
    put = store.put_tree(folder(tmp_path / "out", a="1"))
    (manifest,) = (store.path / "trees").rglob("*.json")
    manifest.write_text(manifest.read_text().replace('"a"', '"b"'))
    assert not store.has(put.digest)


def test_what_is_no_digest_is_said(store, tmp_path):
    for digest in ("b3:1", "../../x", "b3:" + "G" * 64):
        with pytest.raises(ModelyardError, match="not a digest"):
            store.has(digest)


def test_opening_makes_nothing_on_the_disk(tmp_path):
    store = Store.open({"path": "somewhere"}, tmp_path)
    assert not store.has("b3:" + "0" * 64)
    assert store.get_ref("registry/x/production") is None
    assert store.list_refs() == []
    assert list(tmp_path.iterdir()) == []
