import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modelyard.errors import ModelyardError
from modelyard.store import Store, durable
from modelyard.task import Artifact, TaskResult

PRINT = "b3:" + "a" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open({}, tmp_path)


def tree(store: Store, at: Path, text: str = "x") -> Artifact:
    at.mkdir(parents=True, exist_ok=True)
    (at / "a").write_text(text)
    return store.put_tree(at)


def test_a_result_is_found_by_its_fingerprint(store, tmp_path):
    result = TaskResult(PRINT, {"out": tree(store, tmp_path / "out")}, metrics={"m": 0.5}, warnings=("w",), seconds=2.5)
    assert store.get_result(PRINT) is None
    store.put_result(PRINT, result)
    assert store.get_result(PRINT) == result


def test_a_result_whose_output_is_gone_is_no_result(store, tmp_path):
    store.put_result(PRINT, TaskResult(PRINT, {"out": tree(store, tmp_path / "out")}))
    next((store.path / "trees").rglob("*.json")).unlink()
    assert store.get_result(PRINT) is None


def test_a_damaged_result_is_no_result(store):
    store.put_result(PRINT, TaskResult(PRINT, {}))
    next((store.path / "results").rglob("*.json")).write_bytes(b"{")
    assert store.get_result(PRINT) is None


def test_references_are_named_listed_and_replaced(store):
    store.put_ref("registry/digits/1", {"version": 1})
    store.put_ref("registry/digits/production", {"version": 1})
    store.put_ref("registry/digits/production", {"version": 2})
    assert store.get_ref("registry/digits/production") == {"version": 2}
    assert store.list_refs("registry/digits/") == ["registry/digits/1", "registry/digits/production"]
    store.remove_ref("registry/digits/1")
    assert store.list_refs() == ["registry/digits/production"]


@pytest.mark.parametrize("name", ["../x", "/x", "a/../b", ""])
def test_a_reference_stays_in_its_folder(store, name):
    with pytest.raises(ModelyardError):
        store.put_ref(name, 1)


def _put_often(root: Path, text: str) -> None:
    store = Store.open({}, root)
    for number in range(30):
        store.put_ref("r", {"by": text, "number": number, "padding": text * 1000})
        tree(store, root / text, str(number))


def test_concurrent_writers_and_a_reader_see_whole_values(tmp_path):
    store = Store.open({}, tmp_path)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        writing = pool.starmap_async(_put_often, [(tmp_path, "a"), (tmp_path, "b")])
        while not writing.ready():
            value = store.get_ref("r")
            assert value is None or len(value["padding"]) == 1000
        writing.get()
    for text in ("0", "29"):
        assert store.has(tree(store, tmp_path / "c", text).digest)


def test_killed_while_putting_leaves_no_half_object(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for index in range(200):
        (out / str(index)).write_bytes(os.urandom(20_000))
    code = """
import shutil, sys
from pathlib import Path
from modelyard.store import Store
root = Path(sys.argv[1])
print(flush=True)
while True:
    Store.open({}, root).put_tree(root / "out")
    shutil.rmtree(root / ".modelyard/store/objects")
"""
    for delay in (0.01, 0.05, 0.1):
        with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
    store = Store.open({}, tmp_path)
    for stored in (store.path / "objects").rglob("??/*"):
        assert stored.stat().st_size == 20_000
    assert store.verify(store.put_tree(out).digest)


def test_a_full_disk_is_said_and_leaves_nothing_half_written(store, tmp_path, monkeypatch):
    def full(fd, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable.os, "write", full)
    with pytest.raises(ModelyardError, match="disk is full") as error:
        tree(store, tmp_path / "out")
    assert error.value.code == "disk-full"
    monkeypatch.undo()
    assert [path for path in store.path.rglob("*") if path.is_file()] == []
    assert store.has(tree(store, tmp_path / "out").digest)


def test_collection_keeps_what_is_named_and_what_is_young(store, tmp_path):
    kept, dropped = tree(store, tmp_path / "one", "1"), tree(store, tmp_path / "two", "2")
    store.put_result(PRINT, TaskResult(PRINT, {"out": dropped}))
    assert store.gc([kept.digest]).trees == 0
    collected = store.gc([kept.digest], grace=-1)
    assert (collected.trees, collected.results, collected.objects, collected.bytes) == (1, 1, 1, 1)
    assert store.has(kept.digest)
    assert not store.has(dropped.digest)
    assert store.get_result(PRINT) is None


def test_a_step_that_does_nothing_costs_one_sync_and_under_ten_milliseconds(store, tmp_path):
    tree(store, tmp_path / "out")
    costs, syncs = [], []
    for number in range(10):
        started = time.perf_counter()
        store.put_result(PRINT, TaskResult(PRINT, {"out": tree(store, tmp_path / "out", str(number))}))
        costs.append(time.perf_counter() - started)
        started = time.perf_counter()
        with (tmp_path / "bare").open("w") as stream:
            stream.write(str(number))
            stream.flush()
            os.fdatasync(stream.fileno())
        syncs.append(time.perf_counter() - started)
    assert min(costs) < 0.010 + min(syncs)
