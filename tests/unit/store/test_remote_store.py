import shutil
import sys
from pathlib import Path

import fsspec
import pytest

from modelyard.errors import ModelyardError
from modelyard.store import Store
from modelyard.task import Artifact, TaskResult

PRINT = "b3:" + "a" * 64


@pytest.fixture(params=["folder", "memory"])
def remote(request, tmp_path):
    if request.param == "folder":
        return f"file://{tmp_path}/remote"
    fsspec.filesystem("memory").store.clear()
    return "memory://remote-store/modelyard"


def open_store(at: Path, remote: str) -> Store:
    return Store.open({"path": "store", "remote": remote}, at)


def output(at: Path) -> Path:
    at.mkdir(parents=True)
    for index in range(10):
        (at / f"f{index}").write_text(str(index))
    return at


def share(store: Store, folder: Path) -> Artifact:
    put = store.put_tree(folder)
    store.put_result(PRINT, TaskResult(PRINT, {"out": put}))
    return put


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
    put = share(store, output(tmp_path / "out"))
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
    put = share(store, output(tmp_path / "out"))
    shutil.rmtree(store.path / "objects")
    for path in (tmp_path / "remote" / "objects").rglob("??/*"):
        path.chmod(0o644)
        path.write_text("?")
    with pytest.raises(ModelyardError, match="damaged"):
        store.materialize(put.digest, tmp_path / "in")
    assert not list(store.path.glob("tmp/*"))


def test_a_remote_that_cannot_be_opened_is_said(tmp_path):
    with pytest.raises(ModelyardError, match="Protocol not known: nonsense") as error:
        open_store(tmp_path, "nonsense://x")
    assert error.value.address == "store.remote"


def test_what_a_failing_remote_did_not_take_is_kept_here_and_shared_later(tmp_path):
    url = f"file://{tmp_path}/remote"
    (tmp_path / "remote").write_text("a file in its place")
    store = open_store(tmp_path / "here", url)
    with pytest.raises(ModelyardError, match=r"remote store .* cannot be") as error:
        share(store, output(tmp_path / "out"))
    assert error.value.code == "store-remote"
    result = store.get_result(PRINT)
    assert result is not None
    (tmp_path / "remote").unlink()
    open_store(tmp_path / "here", url).share(PRINT, result)
    there = open_store(tmp_path / "there", url)
    assert there.get_result(PRINT) == result
    assert (there.materialize(result.outputs["out"].digest, tmp_path / "in") / "f7").read_text() == "7"


def test_a_password_in_the_url_is_not_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("PW", "hunter22")
    settings = {"path": "store", "remote": "ftp://me:${secret.PW}@127.0.0.1:1/x"}
    with pytest.raises(ModelyardError) as error:
        Store.open(settings, tmp_path).check_remote()
    assert "hunter22" not in str(error.value)
    with pytest.raises(ModelyardError, match=r"me:\*\*\*@127") as error:
        Store.open({**settings, "remote": "ftp://me:hunter22@127.0.0.1:1/x"}, tmp_path).check_remote()
    assert "hunter22" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [("s3://b/x", "s3fs", "s3"), ("gs://b/x", "gcsfs", "gcs"), ("abfs://b/x", "adlfs", "azure")],
)
def test_a_missing_driver_names_the_extra_that_has_it(tmp_path, monkeypatch, url, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, url.partition(":")[0], raising=False)
    with pytest.raises(ModelyardError, match=f"needs the Python package `{package}`") as error:
        open_store(tmp_path, url)
    assert error.value.fix == f"pip install 'modelyard[{extra}]'"
    assert error.value.code == "missing-package"
