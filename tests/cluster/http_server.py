"""The API server itself: real HTTP on loopback, with TLS, a thread a connection."""

import json
import ssl
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from cluster.access import ADMIN, Access
from cluster.certificates import make_certificate
from cluster.faults import Faults
from cluster.network import free_number
from cluster.objects import Objects
from cluster.refusals import Refusal
from cluster.requests import Request
from cluster.resources import Resources
from cluster.routes import Routes
from cluster.storage import Storage
from cluster.streams import Logs

NAMESPACES = ("default", "kube-system")


class ApiServer:
    """See the package. `requests` lists all that came (method, path), for tests that count them."""

    def __init__(self) -> None:
        self.number = free_number()  # of its network, should a node be there
        resources, storage = Resources(), Storage()
        self.objects = Objects(resources, storage, subnet=f"10.{self.number}.250")
        self.access = Access(resources, storage)
        self.faults = Faults()
        self.logs = Logs()
        self.requests: list[tuple[str, str]] = []
        self.token = self.access.token_of(ADMIN)
        self._routes = Routes(self.objects, self.access, self.faults, self.logs)
        for name in NAMESPACES:
            self.make_namespace(name)

    def __enter__(self) -> "ApiServer":
        self._folder = TemporaryDirectory(prefix="modelyard-api-")
        self.certificate, key = make_certificate(Path(self._folder.name), f"10.{self.number}.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._server = _Server(self.answer, context)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.faults.break_watches()
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    @property
    def failures(self) -> list[str]:
        """Of the server's own, as tracebacks: a test's fault, or this package's."""
        return self._server.failures

    @property
    def url(self) -> str:
        """Over TLS, as clients send a token over nothing else."""
        return f"https://127.0.0.1:{self.port}"

    def kubeconfig(self, path: Path, namespace: str = "default", token: str = "", context: str = "tests") -> Path:
        """Write one for `kubectl` and for clients."""
        cluster = {"server": self.url, "certificate-authority": str(self.certificate)}
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": context,
            "clusters": [{"name": context, "cluster": cluster}],
            "users": [{"name": context, "user": {"token": token or self.token}}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": context, "namespace": namespace}}],
        }  # fmt: skip
        path.write_text(yaml.safe_dump(config))
        return path

    def make_namespace(self, name: str, labels: dict[str, str] | None = None) -> None:
        meta = {"name": name, "labels": labels or {}}
        self.objects.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}
        self.objects.create(account)

    def deny_by_webhook(self, kind: str, message: str, webhook: str = "policy.example.org") -> None:
        """Every write of a kind is denied, as an admission webhook would."""

        def admission(verb: str, resource: Any, obj: Any) -> None:
            if resource.kind == kind:
                raise Refusal(403, f'admission webhook "{webhook}" denied the request: {message}')

        self.objects.admissions.append(admission)

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any]:
        parts = urlsplit(target)
        self.requests.append((method, target))
        user = self.access.user(headers.get("Authorization", ""))
        request = Request(
            method, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), body,
            headers.get("Content-Type", "application/json"), user, headers.get("User-Agent", ""),
        )  # fmt: skip
        return self._routes.answer(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[..., tuple[int, Any]], tls: ssl.SSLContext) -> None:
        self.answer = answer
        self.failures: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        retry_after = None
        try:
            code, answer = self.server.answer(self.command, self.path, self.headers, body)
        except Refusal as refusal:
            code, answer, retry_after = refusal.code, refusal.status(), refusal.retry_after
        except ConnectionAbortedError:
            self.close_connection = True
            return
        except Exception:  # noqa: BLE001 - a fault of the server's own: told, and kept for the test that looks
            self.server.failures.append(traceback.format_exc())
            refusal = Refusal(500, f"Internal error occurred: {self.server.failures[-1]}")
            code, answer = 500, refusal.status()
        if isinstance(answer, dict):
            self._whole(code, answer, retry_after)
        else:
            self._stream(code, answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do  # noqa: N815 - the base class's names

    def _whole(self, code: int, answer: dict[str, Any], retry_after: int | None) -> None:
        data = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def _stream(self, code: int, chunks: Iterator[bytes]) -> None:
        text = "/log" in self.path
        self.send_response(code)
        self.send_header("Content-Type", "text/plain" if text else "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        try:
            for chunk in chunks:
                if chunk:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                    self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
        except (ConnectionError, BrokenPipeError):
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Tests say what went wrong; the server keeps quiet."""
