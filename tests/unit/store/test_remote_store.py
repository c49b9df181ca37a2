import shutil
from pathlib import Path

import fsspec
import pytest

from modelyard.errors import ModelyardError
from modelyard.store import Store
from modelyard.task import TaskResult

PRINT = "b3:" + "a" * 64


@pytest.fixture(params=["folder", "memory"])
def remote(request, tmp_path):
    if request.param == "folder":
        return f"file://{tmp_path}/remote"
    fsspec.filesystem("memory").store.clear()
    return "memory://bucket/modelyard"


def open_store(at: Path, remote: str) -> Store:
    return Store.open({"path": "store", "remote": remote}, at)


def output(at: Path) -> Path:
    at.mkdir(parents=True)
    for index in range(10):
        (at / f"f{index}").write_text(str(index))
    return at


def test_another_machine_finds_trees_results_and_references(remote, tmp_path):
    here, there = open_store(tmp_path / "here", remote), open_store(tmp_path / "there", remote)
    put = here.put_tree(output(tmp_path / "out"))
    here.put_result(PRINT, TaskResult(PRINT, {"out": put}))
    here.put_ref("registry/digits/production", {"version": 1})
    assert there.has(put.digest)
    assert there.get_result(PRINT) == TaskResult(PRINT, {"out": put})
    assert (there.materialize(put.digest, tmp_path / "in") / "f7").read_text() == "7"
    assert there.get_ref("registry/digits/production") == {"version": 1}
    assert there.list_refs("registry/") == ["registry/digits/production"]


def test_what_is_missing_here_is_fetched_again(remote, tmp_path):
    store = open_store(tmp_path / "here", remote)
    put = store.put_tree(output(tmp_path / "out"))
    shutil.rmtree(store.path / "objects")
    assert store.has(put.digest)
    assert (store.materialize(put.digest, tmp_path / "in") / "f3").read_text() == "3"


def test_a_reference_moved_elsewhere_is_seen_here(remote, tmp_path):
    here, there = open_store(tmp_path / "here", remote), open_store(tmp_path / "there", remote)
    here.put_ref("r", 1)
    there.put_ref("r", 2)
    assert here.get_ref("r") == 2


def test_damage_on_the_way_is_refused(tmp_path):
    store = open_store(tmp_path / "here", f"file://{tmp_path}/remote")
    put = store.put_tree(output(tmp_path / "out"))
    shutil.rmtree(store.path / "objects")
    for path in (tmp_path / "remote" / "objects").rglob("??/*"):
        path.chmod(0o644)
        path.write_text("?")
    with pytest.raises(ModelyardError, match="damaged"):
        store.materialize(put.digest, tmp_path / "in")
    assert not list(store.path.glob("tmp/*"))


def test_a_remote_that_cannot_be_opened_is_said(tmp_path):
    with pytest.raises(ModelyardError, match="cannot be opened"):
        open_store(tmp_path, "nonsense://x")


def test_a_remote_that_fails_is_said_and_the_local_store_has_it(tmp_path):
    (tmp_path / "remote").write_text("a file in its place")
    store = open_store(tmp_path, f"file://{tmp_path}/remote")
    with pytest.raises(ModelyardError, match=r"remote store .* cannot be") as error:
        store.put_tree(output(tmp_path / "out"))
    assert error.value.code == "store-remote"
    assert len(list((store.path / "objects").rglob("??/*"))) == 10
