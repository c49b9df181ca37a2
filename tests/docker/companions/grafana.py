"""Answers `/api/health`, and any query by what Prometheus says: as Grafana does where it proxies its data source."""

import os
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PROVISIONED = Path(os.environ["GF_PATHS_PROVISIONING"], "datasources", "modelyard.yaml").read_text()
SOURCE = next(line.split()[1].strip('"') for line in PROVISIONED.splitlines() if line.strip().startswith("url:"))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"{}"
        if self.path != "/api/health":
            with urllib.request.urlopen(f"{SOURCE}{self.path}", timeout=10) as answer:
                body = answer.read()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("0.0.0.0", 3000), Handler).serve_forever()
