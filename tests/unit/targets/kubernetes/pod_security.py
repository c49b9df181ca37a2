"""Pod Security's profile `restricted`, rule by rule, as the API server of 1.36 checks it.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Iterable, Iterator
from typing import Any

Object = dict[str, Any]
_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
_SELINUX = {None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
_SECCOMP = {"RuntimeDefault", "Localhost"}
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_WORKLOADS = {"Job", "Deployment", "StatefulSet", "ReplicaSet", "DaemonSet"}


def pods_in(objects: Iterable[Object]) -> Iterator[tuple[str, Object]]:
    """The pod specs of all workloads, with the object that has each."""
    for one in objects:
        title, spec = f"{one['kind']} {one['metadata']['name']}", one.get("spec") or {}
        if one["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if one["kind"] == "CronJob" or one["kind"] in _WORKLOADS:
            yield title, spec["template"]["spec"]


def violations(pod: Object) -> list[str]:
    """What the API server would refuse the pod for."""
    found = [f"{name}: true" for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name)]
    context = pod.get("securityContext") or {}
    found += [f"sysctl {one['name']}" for one in context.get("sysctls") or []]
    found += _of_context("pod", context)
    for volume in pod.get("volumes") or []:
        kinds = volume.keys() - {"name"}
        found += [f"volume {volume['name']}: {kind}" for kind in sorted(kinds - _VOLUMES)]
        found += [f"volume {volume['name']} has no kind"] if not kinds else []
    for container in (*(pod.get("initContainers") or ()), *pod["containers"], *(pod.get("ephemeralContainers") or ())):
        found += _of_container(container, context)
    return found


def _of_container(container: Object, pod: Object) -> list[str]:
    own, name = container.get("securityContext") or {}, container["name"]
    capabilities = own.get("capabilities") or {}
    seccomp = (own.get("seccompProfile") or pod.get("seccompProfile") or {}).get("type")
    handlers = [container.get(probe) or {} for probe in _PROBES]
    handlers += [one for one in (container.get("lifecycle") or {}).values() if one]
    wrong = {
        "privileged": own.get("privileged"),
        "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is not False,
        "does not drop ALL": "ALL" not in capabilities.get("drop", ()),
        "adds capabilities": set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"},
        "runAsNonRoot": own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True,
        "seccompProfile": seccomp not in _SECCOMP,
        "procMount": own.get("procMount", "Default") != "Default",
        "hostPort": any(port.get("hostPort") for port in container.get("ports") or ()),
        "asks another host": any(
            (one.get(kind) or {}).get("host") for one in handlers for kind in ("httpGet", "tcpSocket")
        ),
    }
    return [f"container {name}: {rule}" for rule, broken in wrong.items() if broken] + _of_context(name, own)


def _of_context(name: str, context: Object) -> list[str]:
    selinux = context.get("seLinuxOptions") or {}
    wrong = {
        "runs as root": context.get("runAsUser") == 0,
        "may run as root": context.get("runAsNonRoot") is False,
        "seccomp": (context.get("seccompProfile") or {}).get("type", "RuntimeDefault") not in _SECCOMP,
        "apparmor": (context.get("appArmorProfile") or {}).get("type", "RuntimeDefault") not in _SECCOMP,
        "windows": (context.get("windowsOptions") or {}).get("hostProcess"),
        "selinux": selinux.get("type") not in _SELINUX or selinux.get("user") or selinux.get("role"),
    }
    return [f"{name}: {rule}" for rule, broken in wrong.items() if broken]
