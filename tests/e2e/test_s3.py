"""The remote store and sources in S3, against a server that asks for credentials."""

import functools
import http.server
import importlib.util
import os
import shutil
import socket
import sys
import threading
import time

import pytest
from e2e_project import Project, free_port
from s3_server import S3, running_s3

from modelyard.errors import ModelyardError
from modelyard.store import Store
from watching import eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("s3fs", "moto", "boto3")),
        reason="needs s3fs and moto: pip install 'modelyard[s3,dev]'",
    ),
]
SPEC = """
steps:
  words:
    run: "{python} words.py ${{outputs.files}}"
    outputs: {{files: {{type: files}}}}
  lines:
    run: "{python} lines.py ${{inputs.rows}} ${{outputs.files}}"
    inputs: {{rows: sources.rows}}
    outputs: {{files: {{type: files}}}}
sources:
  rows: {{type: table, path: "{rows}"}}
store: {{remote: "s3://{bucket}/yard"}}
"""
WORDS = """
import pathlib, sys, time
out = pathlib.Path(sys.argv[1])
for number in range(40):
    (out / f"{number}.txt").write_text(f"word {number}" * 1000)
pathlib.Path("words.ran").write_text("")
while pathlib.Path("hold").exists():
    time.sleep(0.05)
"""
LINES = """
import pathlib, sys
(pathlib.Path(sys.argv[2]) / "n").write_text(str(len(list(pathlib.Path(sys.argv[1]).iterdir()))))
pathlib.Path("lines.ran").write_text("")
"""


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with running_s3(tmp_path_factory.mktemp("s3") / "log") as server:
        yield server


@pytest.fixture
def bucket(s3, monkeypatch, request):
    """A bucket of the test's own, with a CSV in it; the environment finds the server as its user."""
    for name, text in s3.environ().items():
        monkeypatch.setenv(name, text)
    name = f"b{abs(hash(request.node.name)):x}"
    s3.client().create_bucket(Bucket=name)
    for part in range(3):
        s3.client().put_object(Bucket=name, Key=f"data/part-{part}.csv", Body=f"a,b\n{part},2\n".encode())
    return name


@pytest.fixture
def project(write, bucket):
    def written(rows: str = f"s3://{bucket}/data/*.csv", into: str = bucket) -> Project:
        return write(SPEC.format(python=sys.executable, rows=rows, bucket=into), words__py=WORDS, lines__py=LINES)

    return written


def elsewhere(project: Project, root) -> Project:
    """The same project on another machine: its files, with nothing that an apply has left."""
    shutil.copytree(project.root, root, ignore=shutil.ignore_patterns(".modelyard", "*.ran"))
    return Project(root)


def test_another_machine_restores_what_one_has_made(project, s3, bucket, tmp_path):
    here = project()
    here.apply()
    assert [key for key in s3.keys(bucket) if key.startswith("yard/results/")]
    there = elsewhere(here, tmp_path / "there")
    assert set(there.actions().values()) == {"restore"}
    there.apply()
    assert not list(there.root.glob("*.ran"))
    assert there.actions() == {}
    (there.root / "lines.py").write_text(LINES + "\n# new\n")
    there.apply()  # its input comes out of the bucket
    assert (there.root / "lines.ran").exists()
    assert not (there.root / "words.ran").exists()


def test_credentials_are_in_no_file_that_an_apply_leaves(project, s3):
    here = project()
    here.apply()
    secret = s3.user[1].encode()
    holding = [path for path in here.root.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert holding == []


def test_a_new_file_in_the_bucket_is_a_reason_to_read_again(project, s3, bucket):
    here = project()
    here.apply()
    s3.client().put_object(Bucket=bucket, Key="data/part-3.csv", Body=b"a,b\n9,9\n")
    assert here.actions()["sources.rows"] == "rerun"
    here.apply()
    assert here.actions() == {}


@pytest.mark.parametrize(
    ("who", "said", "fix"),
    [
        ("nobody", "the credentials were refused", "check AWS_ACCESS_KEY_ID"),
        ("wrong secret", "the credentials were refused", "check AWS_ACCESS_KEY_ID"),
        ("stranger", "the credentials were refused", "what they may list, read and write"),
        ("none", "no credentials were found", "set AWS_ACCESS_KEY_ID"),
        ("no server", "the server cannot be reached", "check the network"),
        ("no bucket", "there is no bucket `nowhere`", "make the bucket `nowhere`"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_run(project, s3: S3, monkeypatch, tmp_path, who, said, fix):
    changed = {
        "nobody": s3.environ(("AKIANOBODY", s3.user[1])),
        "wrong secret": s3.environ((s3.user[0], "not-the-secret-of-anyone")),
        "stranger": s3.environ(s3.stranger),
        "no server": s3.environ(url=f"http://127.0.0.1:{free_port()}"),
    }
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    here = project(f"file://{tmp_path}/rows.csv", **({"into": "nowhere"} if who == "no bucket" else {}))
    for name, text in changed.get(who, {}).items():
        monkeypatch.setenv(name, text)
    if who == "none":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    done = here.apply(code=1)
    assert said in done.stderr
    assert fix in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert os.environ.get("AWS_SECRET_ACCESS_KEY", "none at all") not in done.stdout + done.stderr
    assert not list(here.root.glob("*.ran"))


def test_a_server_that_never_answers_is_given_up_on(bucket, monkeypatch, tmp_path):
    import s3fs

    monkeypatch.setattr(s3fs.S3FileSystem, "read_timeout", 1)
    begun = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ModelyardError, match="the server cannot be reached"):
            Store.open({"remote": f"s3://{bucket}/yard"}, tmp_path).check_remote()
    assert time.monotonic() - begun < 15  # four times the time-out, and not twenty-five


def test_work_that_could_not_be_sent_is_kept_and_sent_by_the_next_apply(project, s3, bucket, tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    here = project(f"file://{tmp_path}/rows.csv")
    hold = here.root / "hold"
    hold.touch()
    with here.start("apply", "--auto-approve", "--keep-going") as applying:
        eventually((here.root / "words.ran").exists, seconds=60)
        try:
            empty(s3, bucket)
        finally:
            hold.unlink()
        out, err = applying.communicate()
    assert applying.returncode == 1
    assert f"there is no bucket `{bucket}`" in out + err
    s3.client().create_bucket(Bucket=bucket)
    (here.root / "words.ran").unlink()
    here.apply()
    assert not (here.root / "words.ran").exists()
    there = elsewhere(here, tmp_path / "there")
    assert there.actions()["steps.words"] == "restore"


def empty(s3: S3, bucket: str) -> None:
    """Take a bucket away that others may still write to."""

    def gone() -> bool:
        for key in s3.keys(bucket):
            s3.client().delete_object(Bucket=bucket, Key=key)
        try:
            s3.client().delete_bucket(Bucket=bucket)
        except s3.client().exceptions.ClientError:
            return False
        return True

    eventually(gone)


def test_a_source_over_http(project, tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "rows.csv").write_text("a,b\n1,2\n")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{site.server_port}"
        here = project(f"{address}/rows.csv")
        here.apply()
        assert here.actions() == {}
        (folder / "rows.csv").write_text("a,b\n1,2\n3,4\n")
        assert here.actions()["sources.rows"] == "rerun"
        (folder / "rows.csv").unlink()
        assert "there is nothing at" in here.run("plan", code=1).stderr
        site.shutdown()
    done = here.run("plan", code=1)
    assert "the server cannot be reached" in done.stderr
