"""An S3 server in a process of its own, which asks for credentials and looks at rights as Amazon's does."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.e2e_project import free_port

_FREE_CALLS = "5"  # the users and keys that `_make_user` makes; after them every call is checked
_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True)
class S3:
    """A server with two users: one who may do everything, one who may do nothing."""

    url: str
    user: tuple[str, str]
    stranger: tuple[str, str]

    def environ(self, key: tuple[str, str] | None = None, url: str | None = None) -> dict[str, str]:
        """The variables with which a process finds the server; by default as the user."""
        name, secret = key or self.user
        return {
            "AWS_ACCESS_KEY_ID": name, "AWS_SECRET_ACCESS_KEY": secret, "AWS_ENDPOINT_URL": url or self.url,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }  # fmt: skip

    def client(self) -> Any:
        return _client("s3", self.url, self.user)

    def keys(self, bucket: str) -> list[str]:
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


@contextmanager
def running_s3(log: Path, host: str = "127.0.0.1") -> Iterator[S3]:
    port = free_port()
    argv = [sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)]
    env = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": _FREE_CALLS}
    with log.open("wb") as out, subprocess.Popen(argv, env=env, stdout=out, stderr=out) as process:
        try:
            url = f"http://{host}:{port}"
            _wait(url, process, log)
            iam = _client("iam", url, ("setup", "setup"))
            user, stranger = _make_user(iam, "user"), _make_user(iam, "stranger")
            iam.put_user_policy(UserName="user", PolicyName="all", PolicyDocument=json.dumps(_ALL))
            yield S3(url, user, stranger)
        finally:
            process.kill()


def _make_user(iam: Any, name: str) -> tuple[str, str]:
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def _client(service: str, url: str, key: tuple[str, str]) -> Any:
    import boto3

    session = boto3.Session(key[0], key[1], region_name="us-east-1")
    return session.client(service, endpoint_url=url)


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()
        except (OSError, urllib.error.URLError) as error:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"no answer: {error}"
            time.sleep(0.1)
        else:
            return
