"""What a Docker engine refuses or does not tell, and what it is asked for: without one."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError, DockerException
from requests import Response

from docker import APIClient
from documents import task_document
from modelyard.errors import ModelyardError
from modelyard.graph.model import ExternalData, Node, Resources
from modelyard.targets.compose.access import give_access, open_database
from modelyard.targets.compose.container import as_process
from modelyard.targets.compose.names import Scope
from modelyard.targets.compose.places import external_data, places_of
from modelyard.targets.compose.task_config import Wanted, container_config
from modelyard.targets.compose.task_secrets import handed
from modelyard.targets.docker.engine import Engine
from modelyard.targets.docker.engine_errors import engine_error, lost
from modelyard.task import TaskDocument

PLAIN: dict[str, Any] = {"NCPU": 4, "MemTotal": 8 << 30, "SecurityOptions": ["name=seccomp,profile=default"]}


def engine(**info: Any) -> Engine:
    """One that tells this of itself, and that nobody talks to."""
    told = Engine(APIClient(version="1.41"))
    told.__dict__["info"] = {**PLAIN, **info}
    return told


def task(root: Path, config: Any = None, external: ExternalData | None = None, **changes: Any) -> TaskDocument:
    config = {"run": ["true"], **(config or {})}
    return task_document(root, Node("steps.job", "command", config=config, external=external), **changes)


def asked(
    root: Path, task: TaskDocument, on: Engine | None = None, gpus: tuple[str, ...] = (), **resources: Any
) -> Any:
    wanted = Wanted("image", "/node.json", "10001:0", 5.0, Resources(**resources), gpus)
    return container_config(on or engine(), Scope("p", "default", root), task, wanted)


def refusal(status: int, said: str) -> APIError:
    response = Response()
    response.status_code = status
    return APIError(f"{status} Error for http+docker://localhost/v1.41/x", response, said)


# What goes wrong


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            DockerException("Error while fetching server API version: Connection refused"),
            "no-engine",
            "no Docker engine",
        ),
        (DockerException("PermissionError(13, 'Permission denied')"), "no-engine", "may not talk"),
        (refusal(500, "mkdir /var/lib/docker/x: no space left on device"), "disk-full", "disk is full"),
        (refusal(400, "bind source path does not exist: /home/me/p"), "no-files", "/home/me/p"),
        (refusal(404, "No such image: modelyard/p-tasks:1"), "cannot-start", "image was removed"),
        (refusal(500, 'could not select device driver "nvidia" with capabilities: [[gpu]]'), "does-not-fit", "no GPU"),
        (refusal(500, "cgroup: it is odd\nand more of it"), "cannot-start", "refuses: cgroup: it is odd"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_an_engine_says_becomes_one_line(error: Exception, code: str, words: str) -> None:
    told = engine_error(error)
    assert told.code == code
    assert words in told.what
    assert "\n" not in told.what
    assert "http+docker" not in told.what


def test_how_a_container_was_lost() -> None:
    assert lost(refusal(404, "No such container")).code == "container-removed"
    assert lost(OSError("connection refused")).code == "no-engine"


def test_no_engine_at_all_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(ModelyardError, match="no Docker engine answers") as caught:
        Engine.connect()
    assert "systemctl start docker" in (caught.value.fix or "")


def test_a_context_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelyardError, match="no Docker context `ghost`"):
        Engine.connect("ghost")


@pytest.mark.parametrize(("code", "seen"), [(0, 0), (1, 1), (137, -9), (143, -15), (200, 200), (255, 255)])
def test_only_signals_are_told_as_signals(code: int, seen: int) -> None:
    assert as_process(code) == seen


# What it is asked for


def test_a_container_has_no_rights_and_one_folder_to_write_to(tmp_path: Path) -> None:
    host = asked(tmp_path, task(tmp_path))["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert [(mount["Target"], mount["ReadOnly"]) for mount in host["Mounts"]] == [(f"{tmp_path}/.modelyard", False)]


def test_memory_is_a_limit_where_it_is_stated(tmp_path: Path) -> None:
    assert "Memory" not in asked(tmp_path, task(tmp_path))["HostConfig"]
    host = asked(tmp_path, task(tmp_path), memory=1 << 30)["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == 1 << 30


@pytest.mark.parametrize(("cpu", "shares"), [(1.0, 1024), (0.0001, 2), (10_000.0, 262_144)])
def test_cores_are_shares(tmp_path: Path, cpu: float, shares: int) -> None:
    assert asked(tmp_path, task(tmp_path), cpu=cpu)["HostConfig"]["CpuShares"] == shares


def test_gpus_are_named_where_they_are_known_and_counted_where_not(tmp_path: Path) -> None:
    known = asked(tmp_path, task(tmp_path), gpus=("0", "3"), gpu=2)["HostConfig"]["DeviceRequests"][0]
    counted = asked(tmp_path, task(tmp_path), gpu=2)["HostConfig"]["DeviceRequests"][0]
    assert known["DeviceIDs"] == ["0", "3"]
    assert counted["Count"] == 2


def test_engines_that_guard_files_otherwise_are_told_to_let_us_in(tmp_path: Path) -> None:
    guarded = engine(SecurityOptions=["name=selinux", "name=userns"])
    host = asked(tmp_path, task(tmp_path), guarded)["HostConfig"]
    assert "label=disable" in host["SecurityOpt"]
    assert host["UsernsMode"] == "host"


def test_an_engine_without_a_driver_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    here = {"Name": os.uname().nodename, "Runtimes": {"nvidia": {}}}
    assert engine().capacity().gpu == 0
    assert engine(**{**here, "Name": "elsewhere"}).capacity().gpu is None
    assert engine(**here).capacity().gpu == 2


# What it sees of this machine


def test_what_a_spec_puts_elsewhere_is_mounted(tmp_path: Path) -> None:
    root = tmp_path / "p"
    away = {"store": {"path": "../store", "remote": f"file://{tmp_path}/mirror"}}
    places = places_of(root, task(root, tracking={"uri": f"sqlite:///{tmp_path}/runs/m.db"}, **away))
    assert places.mounted == [root / ".modelyard", tmp_path / "store", tmp_path / "mirror", tmp_path / "runs"]
    assert tmp_path / "runs" / "mlartifacts" in places.written


def test_what_is_a_link_to_elsewhere_is_mounted_there_too(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "p" / ".modelyard").mkdir(parents=True)
    (tmp_path / "p" / ".modelyard" / "store").symlink_to(tmp_path / "disk")
    assert tmp_path / "disk" in places_of(tmp_path / "p", task(tmp_path / "p")).mounted


@pytest.mark.parametrize("remote", ["s3://bucket/x", "gs://bucket"])
def test_a_remote_store_is_no_folder(tmp_path: Path, remote: str) -> None:
    assert places_of(tmp_path, task(tmp_path, store={"remote": remote})).mounted == [tmp_path / ".modelyard"]


@pytest.mark.parametrize(
    ("uri", "seen"),
    [
        ("data/a.csv", ["data/a.csv"]), ("data", ["data"]), ("data/*.csv", ["data"]), ("*.txt", ["b.txt"]),
        ("missing.csv", []), ("s3://bucket/data", []), ("./data/../data", ["data"]),
    ],
)  # fmt: skip
def test_data_that_a_task_reads_is_seen(tmp_path: Path, uri: str, seen: list[str]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").touch()
    (tmp_path / "b.txt").touch()
    found = external_data(task(tmp_path, external=ExternalData(uri, "b3:1")))
    assert found == [tmp_path / path for path in seen]


@pytest.mark.skipif(os.getuid() != 0, reason="only where we are root are files opened")
def test_files_closed_to_others_are_opened_to_our_group(tmp_path: Path) -> None:
    folder = tmp_path / "store" / "objects"
    folder.mkdir(parents=True)
    for name in ("object", "mlflow.db", "mlflow.db-wal"):
        (folder / name).touch(0o600)
    folder.chmod(0o700)
    give_access([tmp_path / "store"])
    open_database(folder / "mlflow.db")
    assert [oct(path.stat().st_mode & 0o777) for path in sorted(folder.iterdir())] == ["0o660", "0o660", "0o640"]
    assert folder.stat().st_mode & 0o070 == 0o070


# Secrets


def test_only_what_a_task_refers_to_is_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEY", "OTHER", "AWS_PROFILE", "https_proxy"):
        monkeypatch.setenv(name, f"the {name}")
    given = handed(task(tmp_path, {"env": {"K": "${secret.KEY}"}}, settings={"state": {"uri": "${secret.OTHER}"}}))
    assert {"KEY", "AWS_PROFILE", "https_proxy"} <= given.variables.keys()
    assert "OTHER" not in given.variables


def test_a_secret_in_a_file_becomes_a_variable(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("v4lue\n")
    settings = {"secrets": {"KEY": {"file": str(tmp_path / "key")}}}
    given = handed(task(tmp_path, {"env": {"K": "${secret.KEY}"}}, settings=settings))
    source = given.document.settings["secrets"]["KEY"]
    assert given.variables[source["env"]] == "v4lue"
    assert "v4lue" not in json.dumps(given.document.to_json())


def test_a_secret_that_is_not_there_is_left_for_the_task_to_name(tmp_path: Path) -> None:
    settings = {"secrets": {"KEY": {"file": str(tmp_path / "missing")}}}
    asked = task(tmp_path, {"env": {"K": "${secret.KEY}"}}, settings=settings)
    assert handed(asked).document == asked
