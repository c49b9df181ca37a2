"""Results that are older than `store.remote`: another machine finds them after the next apply."""

import threading
from pathlib import Path

import fsspec
import pytest
from apply_fakes import Yard, graph, node

from modelyard.apply.events import NodeEvent, NodeFinished
from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph
from modelyard.store import Store
from modelyard.store.remote import Remote
from modelyard.task import TaskResult


def pipeline() -> Graph:
    return graph(
        node("steps.scenes", config={"n": 1}),
        node("training.detector", "train", {"train": "steps.scenes:out"}, config={"lr0": 0.1}),
        node("registry.digits", "register", {"model": "training.detector:out"}, outputs=("version",),
             config={"name": "digits"}),
    )  # fmt: skip


@pytest.fixture(params=["folder", "memory"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return f"file://{tmp_path}/remote"
    fsspec.filesystem("memory").store.clear()
    return "memory://remote-store/modelyard"


def share_from_now_on(yard: Yard, remote: str) -> None:
    yard.store.remote = Remote(remote)


def elsewhere(tmp_path: Path, remote: str) -> Store:
    return Store(tmp_path / "another machine", Remote(remote))


def made(yard: Yard) -> dict[str, TaskResult]:
    return {
        address: TaskResult(record.fingerprint, record.outputs) for address, record in yard.state.applied("dev").items()
    }


def test_an_apply_with_nothing_to_do_sends_what_stands(yard: Yard, tmp_path: Path, remote: str):
    yard.apply(pipeline())
    share_from_now_on(yard, remote)
    assert elsewhere(tmp_path, remote).get_result(made(yard)["steps.scenes"].fingerprint) is None
    yard.apply(pipeline())
    assert yard.ran == []
    for result in made(yard).values():
        there = elsewhere(tmp_path, remote).get_result(result.fingerprint)
        assert there is not None
        assert there.outputs == result.outputs
        for output in there.outputs.values():
            assert elsewhere(tmp_path, remote).materialize(output.digest, tmp_path / output.digest).is_dir()


def test_an_apply_of_a_change_sends_what_it_leaves_as_it_is(yard: Yard, tmp_path: Path, remote: str):
    yard.apply(pipeline())
    share_from_now_on(yard, remote)
    yard.apply(graph(*pipeline().nodes.values(), node("steps.more", config={"n": 2})))
    assert yard.ran == ["steps.more"]
    assert elsewhere(tmp_path, remote).has(made(yard)["training.detector"].outputs["out"].digest)


def test_what_was_sent_is_not_asked_for_again(yard: Yard, tmp_path: Path):
    unregistered = graph(*[one for one in pipeline().nodes.values() if one.kind != "register"])
    yard.apply(unregistered)
    share_from_now_on(yard, f"file://{tmp_path}/remote")
    yard.apply(unregistered)
    (tmp_path / "remote").rename(tmp_path / "out of reach")
    (tmp_path / "remote").write_text("neither listed nor written")
    assert yard.apply(unregistered).ok


def test_another_remote_gets_all_of_it(yard: Yard, tmp_path: Path):
    yard.apply(pipeline())
    for remote in (f"file://{tmp_path}/one", f"file://{tmp_path}/two"):
        share_from_now_on(yard, remote)
        yard.apply(pipeline())
        assert elsewhere(tmp_path, remote).get_result(made(yard)["training.detector"].fingerprint)


def test_what_a_remote_did_not_take_is_sent_by_the_apply_after_it(yard: Yard, tmp_path: Path):
    yard.apply(pipeline())
    remote = f"file://{tmp_path}/remote"
    (tmp_path / "remote").write_text("a file in its place")
    share_from_now_on(yard, remote)
    with pytest.raises(ModelyardError, match=r"remote store .* cannot be") as error:
        yard.apply(pipeline())
    assert error.value.code == "store-remote"
    (tmp_path / "remote").unlink()
    yard.apply(pipeline())
    assert elsewhere(tmp_path, remote).get_result(made(yard)["training.detector"].fingerprint)


def test_versions_are_sent_with_their_models_and_none_is_moved_back(yard: Yard, tmp_path: Path, remote: str):
    yard.apply(pipeline())
    model = made(yard)["training.detector"].outputs["out"].digest
    for name in ("registry/digits/1", "registry/digits/production", "registry/others/1"):
        yard.store.put_ref(name, {"version": 1, "model": model})
    elsewhere(tmp_path, remote).put_ref("registry/digits/production", {"version": 7})
    share_from_now_on(yard, remote)
    yard.apply(pipeline())
    there = elsewhere(tmp_path, remote)
    assert there.get_ref("registry/digits/1") == {"version": 1, "model": model}
    assert there.get_ref("registry/digits/production") == {"version": 7}
    assert there.list_refs() == ["registry/digits/1", "registry/digits/production"]


def test_it_is_told_as_it_goes_and_once_only(yard: Yard, remote: str):
    yard.apply(pipeline())
    share_from_now_on(yard, remote)
    told: list[object] = []
    yard.apply(pipeline(), on_event=told.append)
    done = [event.event["done"] / event.event["total"] for event in told if isinstance(event, NodeEvent)]
    assert done == sorted(done)
    assert done[-1] == 1.0
    finished = [event.report for event in told if isinstance(event, NodeFinished)]
    assert next(one.summary for one in finished if one.address == "store.remote").startswith("3 earlier results sent")
    told.clear()
    yard.apply(pipeline(), on_event=told.append)
    assert not any(isinstance(event, NodeEvent) for event in told)


def test_where_the_remote_has_it_already_nothing_is_told(yard: Yard, tmp_path: Path, remote: str):
    """A second machine, which restored all of it."""
    share_from_now_on(yard, remote)
    yard.apply(pipeline())
    for marker in (yard.store.path / "sent").iterdir():
        marker.unlink()
    told: list[object] = []
    yard.apply(pipeline(), on_event=told.append)
    assert not [one for one in told if isinstance(one, NodeFinished) and one.report.address == "store.remote"]
    assert [*(yard.store.path / "sent").iterdir()]


def test_cancelling_ends_it_between_files_and_the_next_apply_goes_on(yard: Yard, tmp_path: Path, remote: str):
    yard.apply(pipeline())
    share_from_now_on(yard, remote)
    cancel = threading.Event()
    cancel.set()
    told: list[object] = []
    yard.apply(pipeline(), on_event=told.append, cancel=cancel)
    finished = [event.report for event in told if isinstance(event, NodeFinished)]
    assert [one.outcome for one in finished if one.address == "store.remote"] == ["cancelled"]
    assert elsewhere(tmp_path, remote).get_result(made(yard)["steps.scenes"].fingerprint) is None
    yard.apply(pipeline())
    assert elsewhere(tmp_path, remote).get_result(made(yard)["steps.scenes"].fingerprint)
