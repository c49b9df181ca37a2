"""Digests of data outside of the graph."""

import os
from pathlib import Path
from typing import Any

import fsspec
import pytest
from graph_builders import Project

from modelyard.errors import ErrorGroup, ModelyardError
from modelyard.graph import compile_graph
from modelyard.graph.data import data_digest, uri_only
from modelyard.graph.filecache import FileCache
from modelyard.graph.model import ExternalData
from modelyard.secrets import Redactor
from modelyard.urls import Place


def digest(project: Project, uri: str, **options: Any) -> ExternalData:
    return data_digest(uri, project.root, FileCache(), **options)


def test_content_and_relative_names_are_what_counts(project: Project) -> None:
    project.write({"a/x.csv": "1", "b/x.csv": "1", "c/y.csv": "1", "d/x.csv": "2"})
    same, moved, renamed, changed = (digest(project, name).digest for name in "abcd")
    assert same == moved
    assert len({same, renamed, changed}) == 3


def test_times_and_modes_do_not_count(project: Project) -> None:
    project.write({"a/x.csv": "1"})
    before = digest(project, "a")
    os.utime(project.root / "a/x.csv", (0, 0))
    (project.root / "a/x.csv").chmod(0o400)
    assert digest(project, "a") == before


@pytest.mark.parametrize("uri", ["data", "data/*.csv", "data/**", "file://{root}/data"])
def test_folder_glob_and_file_url_see_the_same_files(project: Project, uri: str) -> None:
    project.write({"data/a.csv": "1", "data/b.csv": "2", "data/.hidden": "3"})
    found = digest(project, uri.format(root=project.root))
    assert (found.files, found.bytes, found.digest) == (2, 2, digest(project, "data").digest)


def test_a_file_is_known_by_its_name_and_content(project: Project) -> None:
    project.write({"data/a.csv": "123"})
    assert (digest(project, "data/a.csv").files, digest(project, "data/a.csv").bytes) == (1, 3)


def test_a_file_whose_name_has_signs_of_a_glob_is_itself(project: Project) -> None:
    project.write({"data/a[1].csv": "1", "data/a1.csv": "22"})
    assert digest(project, "data/a[1].csv").bytes == 1


def test_what_is_excluded_does_not_count(project: Project) -> None:
    project.write({"data/a.csv": "1", "data/b.tmp": "2", "data/old/c.csv": "3"})
    assert digest(project, "data", exclude=["*.tmp", "old"]).files == 1


def test_images_and_labels_are_counted(project: Project) -> None:
    project.write({"s/images/a.png": "1", "s/images/b.JPG": "2", "s/labels/a.txt": "3", "s/classes.txt": "x"})
    found = digest(project, "s", kind="images")
    assert (found.images, found.labels, found.files) == (2, 1, 4)


def test_a_source_of_images_without_images_is_told(project: Project) -> None:
    project.write({"s/a.csv": "1"})
    with pytest.raises(ModelyardError, match="holds no images"):
        digest(project, "s", kind="images")


@pytest.mark.parametrize(
    ("uri", "told"), [("dat", "nothing at `dat`"), ("data/*.parquet", "no file matches"), ("empty", "an empty folder")]
)
def test_missing_data_is_told(project: Project, uri: str, told: str) -> None:
    project.write({"data/a.csv": "1"})
    (project.root / "empty").mkdir()
    with pytest.raises(ModelyardError, match=told) as caught:
        digest(project, uri)
    assert caught.value.code == "missing-data"


def test_missing_data_names_the_source_and_its_line(project: Project) -> None:
    loaded = project.write({"data/a.csv": "1"}).spec("sources:\n  flights: {type: table, path: data/*.csv}\n")
    (project.root / "data/a.csv").unlink()
    with pytest.raises(ErrorGroup) as caught:
        compile_graph(loaded)
    (error,) = caught.value.errors
    assert (error.address, error.where and error.where.line) == ("sources.flights.path", 4)


def test_large_folders_are_hashed_with_progress_and_the_same_result(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write({f"d/{index}": b"x" * 1000 for index in range(5)})
    calm = digest(project, "d")
    monkeypatch.setattr("modelyard.graph.data._PARALLEL_FROM", 1)
    seen: list[tuple[int, int]] = []
    assert digest(project, "d", on_progress=lambda done, total: seen.append((done, total))) == calm
    assert seen[-1] == (5000, 5000)


def test_elsewhere_content_counts_where_the_file_system_says_nothing(project: Project) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe({"/content-counts/a.csv": b"1", "/content-counts/b.csv": b"22"})
    before = digest(project, "memory://content-counts")
    assert (before.files, before.bytes) == (2, 3)
    assert digest(project, "memory://content-counts/*.csv").digest == before.digest
    memory.pipe({"/content-counts/b.csv": b"23"})
    assert digest(project, "memory://content-counts").digest != before.digest
    assert digest(project, "memory://content-counts/a.csv").files == 1
    memory.rm("/content-counts", recursive=True)
    with pytest.raises(ModelyardError, match="nothing at `memory://content-counts`"):
        digest(project, "memory://content-counts")


def test_elsewhere_a_checksum_is_believed_and_nothing_is_read(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelyard.graph import remote

    class Bucket:
        def info(self, path: str) -> dict[str, Any]:
            return {"name": path, "size": 7, "type": "file", "ETag": "abc"}

        def open(self, *_: Any) -> Any:
            pytest.fail("downloaded")

    place = Place(Bucket(), "bucket/a.csv", "s3://bucket/a.csv", Redactor([]))
    monkeypatch.setattr(remote, "open_url", lambda uri, settings: place)
    assert digest(project, "s3://bucket/a.csv").bytes == 7


def test_an_unknown_file_system_is_told(project: Project) -> None:
    with pytest.raises(ModelyardError, match="cannot open nonsense"):
        digest(project, "nonsense://x/y")


def test_a_secret_in_an_address_is_filled_in_only_to_look(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.filesystem("memory").pipe({"/hidden/a": b"1"})
    uri = "memory://${secret.BUCKET}"
    with pytest.raises(ModelyardError, match="BUCKET"):
        digest(project, uri)
    monkeypatch.setenv("BUCKET", "hidden")
    found = digest(project, uri)
    assert (found.uri, found.files) == (uri, 1)


def test_without_data_at_hand_the_address_stands_for_it(project: Project) -> None:
    assert uri_only("s3://a/b") == uri_only("s3://a/b") != uri_only("s3://a/c")


def test_the_digest_is_the_one_that_the_store_gives_the_folder(project: Project) -> None:
    from modelyard.digests import digest_bytes, digest_json

    project.write({"d/a": "1", "d/sub/b": "22"})
    entries = [["a", 1, digest_bytes(b"1")], ["sub/b", 2, digest_bytes(b"22")]]
    assert digest(project, "d").digest == digest_json(entries)
    assert Path(project.root / "d").is_dir()
