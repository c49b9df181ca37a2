"""Whether a container is started, ready and alive: by its probes, asked at its own address."""

import http.client
import socket
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from cluster.containers import Process

HASTE = STARTUP_HASTE = 10.0
"""Periods count as a tenth of what they say: tests have no minutes. What starts slowly needs more of its startup."""


class Probes:
    def __init__(self, container: Mapping[str, Any], process: Process) -> None:
        self._ports = {one["name"]: one["containerPort"] for one in container.get("ports") or () if "name" in one}
        self._process = process
        self._startup = _Probe(container.get("startupProbe"), STARTUP_HASTE)
        self._readiness = _Probe(container.get("readinessProbe"))
        self._liveness = _Probe(container.get("livenessProbe"))
        self._started = False
        self.why = ""

    def ready(self) -> bool:
        if not self._started:
            self._started = self._look(self._startup)
        return self._started and self._look(self._readiness)

    def dead(self) -> bool:
        """Past its failure threshold."""
        if not self._started:
            return self._startup.failures >= self._startup.threshold
        self._look(self._liveness)
        return self._liveness.failures >= self._liveness.threshold

    def _look(self, probe: "_Probe") -> bool:
        if not probe.settings:
            return True
        if time.monotonic() >= probe.due:
            probe.due = time.monotonic() + probe.settings.get("periodSeconds", 10) / probe.haste
            holds = self._ask(probe.settings)
            probe.holds, probe.failures = holds, 0 if holds else probe.failures + 1
        return probe.holds

    def _ask(self, settings: Mapping[str, Any]) -> bool:
        wait = max(1.0, settings.get("timeoutSeconds", 1))
        try:
            if web := settings.get("httpGet"):
                connection = http.client.HTTPConnection(self._process.address, self._port(web["port"]), timeout=wait)
                connection.request("GET", web.get("path", "/"))
                answer = connection.getresponse()
                self.why = f"HTTP probe failed with statuscode: {answer.status}"
                return 200 <= answer.status < 400
            if tcp := settings.get("tcpSocket"):
                socket.create_connection((self._process.address, self._port(tcp["port"])), timeout=wait).close()
                return True
            if command := (settings.get("exec") or {}).get("command"):
                return subprocess.run(command, capture_output=True, timeout=wait, check=False).returncode == 0
        except (OSError, http.client.HTTPException, subprocess.SubprocessError) as error:
            self.why = str(error)
        return False

    def _port(self, port: Any) -> int:
        return int(self._ports.get(port, port))


class _Probe:
    def __init__(self, settings: Mapping[str, Any] | None, haste: float = HASTE) -> None:
        self.settings = settings or {}
        self.haste = haste
        self.threshold = self.settings.get("failureThreshold", 3) if settings else 1 << 30
        self.due = time.monotonic() + self.settings.get("initialDelaySeconds", 0) / haste
        self.holds = False
        self.failures = 0
