"""What Services do: an address that leads to ready pods, a name in every pod's hosts, and their endpoints."""

import random
from typing import TYPE_CHECKING, Any

from cluster.workload_pods import is_ready

if TYPE_CHECKING:
    from cluster.node import Node

Object = dict[str, Any]


class Doors:
    def __init__(self, node: "Node") -> None:
        self._node = node
        self._objects = node.server.objects

    def work(self) -> None:
        wanted = set()
        lines = ["127.0.0.1 localhost", f"{self._node.network.host} kubernetes.default.svc"]
        for service in self._objects.listed("Service"):
            meta, spec = service["metadata"], service["spec"]
            address = spec.get("clusterIP")
            if address in (None, "", "None"):
                lines += self._headless(service)
                continue
            lines.append(_names(address, meta))
            for port in spec.get("ports") or ():
                wanted.add((address, port["port"]))
                self._node.network.open_door(address, port["port"], self._backend(service, port))
        for door in self._node.network.doors() - wanted:
            if door[0] != self._node.network.host:
                self._node.network.close_door(*door)
        text = "\n".join(lines) + "\n"
        if text != self._node.hosts.read_text():
            with self._node.hosts.open("r+") as file:  # the same file: it is mounted in pods that run
                file.write(text)
                file.truncate()

    def _headless(self, service: Object) -> list[str]:
        """Its own name leads to its pods themselves, and each of them has a name."""
        meta = service["metadata"]
        early = service["spec"].get("publishNotReadyAddresses")
        lines = []
        for pod in self._selected(service):
            if address := (pod.get("status") or {}).get("podIP"):
                host = pod["spec"].get("hostname") or pod["metadata"]["name"]
                full = f"{host}.{meta['name']}.{meta['namespace']}"
                lines.append(f"{address} {host} {host}.{meta['name']} {full} {full}.svc {full}.svc.cluster.local")
                if early or is_ready(pod):
                    lines.append(_names(address, meta))
        return lines

    def _selected(self, service: Object) -> list[Object]:
        selector = service["spec"].get("selector") or {}
        pods = self._objects.listed("Pod", service["metadata"]["namespace"]) if selector else []
        return [pod for pod in pods if selector.items() <= (pod["metadata"].get("labels") or {}).items()]

    def _backend(self, service: Object, port: Object) -> Any:
        namespace, name, number = service["metadata"]["namespace"], service["metadata"]["name"], port["port"]

        def backend() -> tuple[str, int] | None:
            now = self._objects.get("Service", namespace, name)
            target = next((one["targetPort"] for one in now["spec"]["ports"] if one["port"] == number), number)
            ready = [pod for pod in self._selected(now) if is_ready(pod)]
            if not ready:
                return None
            pod = random.choice(ready)
            return pod["status"]["podIP"], _number(pod, target)

        return backend


def _names(address: str, meta: Object) -> str:
    full = f"{meta['name']}.{meta['namespace']}"
    return f"{address} {meta['name']} {full} {full}.svc {full}.svc.cluster.local"


def _number(pod: Object, port: Any) -> int:
    for container in pod["spec"]["containers"]:
        for one in container.get("ports") or ():
            if one.get("name") == port:
                return int(one["containerPort"])
    return int(port)
