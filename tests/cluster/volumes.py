"""A pod's volumes as folders, and its containers' environment: from ConfigMaps, Secrets, claims and the pod itself."""

import os
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cluster.http_server import ApiServer
from cluster.refusals import Refusal

Object = Mapping[str, Any]
_FIELD = re.compile(r"^metadata\.(labels|annotations)\['(.+)'\]$")


class NotReady(Exception):  # noqa: N818 - a state
    """A pod has to wait: `reason` as its container's `waiting` says it."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Volumes:
    """`folder` is the pod's own; `claims` holds what outlives it."""

    def __init__(self, server: ApiServer, pod: Object, folder: Path, claims: Path) -> None:
        self._server = server
        self._pod = pod
        self._namespace = pod["metadata"]["namespace"]
        self._folder = folder
        self._claims = claims

    def make(self) -> dict[str, tuple[Path, bool]]:
        """Folder by volume, and whether it is read-only."""
        found = {}
        for volume in self._pod["spec"].get("volumes") or ():
            place = self._folder / "volumes" / volume["name"]
            kind = next(key for key in volume if key != "name")
            read_only = kind in ("configMap", "secret", "projected", "downwardAPI")
            source = volume[kind] or {}
            if kind == "persistentVolumeClaim":
                place = self._claim(source["claimName"])
            elif kind == "emptyDir":
                place.mkdir(parents=True, exist_ok=True)
                self._give(place)
            else:
                place.mkdir(parents=True, exist_ok=True)
                for name, data in self._files(kind, source):
                    (place / name).parent.mkdir(parents=True, exist_ok=True)
                    (place / name).write_bytes(data)
            found[volume["name"]] = (place, read_only)
        return found

    def _claim(self, name: str) -> Path:
        self._object("PersistentVolumeClaim", name, optional=False)
        place = self._claims / self._namespace / name
        if not place.exists():
            place.mkdir(parents=True)
        if not place.is_symlink():
            self._give(place)
        return place.resolve()

    def _give(self, place: Path) -> None:
        """To the pod's `fsGroup`: whoever writes there, the group may too."""
        group = (self._pod["spec"].get("securityContext") or {}).get("fsGroup")
        if group is not None:
            os.chown(place, -1, group)
        place.chmod(0o2777 if group is None else 0o2775)

    def _files(self, kind: str, source: Object) -> Iterator[tuple[str, bytes]]:
        if kind == "projected":
            for one in source["sources"]:
                inner = next(iter(one))
                yield from self._files(inner, one[inner])
        elif kind == "serviceAccountToken":
            account = self._pod["spec"].get("serviceAccountName") or "default"
            user = f"system:serviceaccount:{self._namespace}:{account}"
            yield source["path"], self._server.access.token_of(user).encode()
        elif kind == "downwardAPI":
            for item in source["items"]:
                yield item["path"], str(self._field(item["fieldRef"]["fieldPath"])).encode()
        elif kind in ("configMap", "secret"):
            name = source.get("name") or source.get("secretName")
            data = self._data("ConfigMap" if kind == "configMap" else "Secret", name, bool(source.get("optional")))
            items = source.get("items")
            for key, value in data.items():
                paths = [item["path"] for item in items if item["key"] == key] if items else [key]
                for path in paths:
                    yield path, value
        else:
            raise NotReady("CreateContainerConfigError", f"this kubelet knows no volume of kind {kind}")

    def environment(self, container: Object) -> dict[str, str]:
        values: dict[str, str] = {}
        for source in container.get("envFrom") or ():
            kind = "ConfigMap" if "configMapRef" in source else "Secret"
            reference = source.get("configMapRef") or source["secretRef"]
            for key, data in self._data(kind, reference["name"], bool(reference.get("optional"))).items():
                values[source.get("prefix", "") + key] = data.decode()
        for one in container.get("env") or ():
            text = self._value(one, container)
            if text is not None:
                values[one["name"]] = re.sub(r"\$\((\w+)\)", lambda found: values.get(found[1], found[0]), text)
        return values

    def _value(self, variable: Object, container: Object) -> str | None:
        source = variable.get("valueFrom")
        if not source:
            return str(variable.get("value", ""))
        if reference := source.get("fieldRef"):
            return str(self._field(reference["fieldPath"]))
        if reference := source.get("resourceFieldRef"):
            part, name = reference["resource"].split(".")
            return str(((container.get("resources") or {}).get(part) or {}).get(name, 0))
        kind = "Secret" if "secretKeyRef" in source else "ConfigMap"
        reference = source.get("secretKeyRef") or source["configMapKeyRef"]
        optional = bool(reference.get("optional"))
        data = self._data(kind, reference["name"], optional)
        if reference["key"] not in data:
            if optional:
                return None
            text = f"couldn't find key {reference['key']} in {kind} {self._namespace}/{reference['name']}"
            raise NotReady("CreateContainerConfigError", text)
        return data[reference["key"]].decode()

    def _field(self, path: str) -> Any:
        if found := _FIELD.match(path):
            return (self._pod["metadata"].get(found[1]) or {}).get(found[2], "")
        known: Any = self._pod
        for step in path.split("."):
            known = (known or {}).get(step)
        return known or ""

    def _data(self, kind: str, name: str, optional: bool) -> dict[str, bytes]:
        obj = self._object(kind, name, optional)
        texts = obj.get("data") or {}
        data = {key: b64decode(text) if kind == "Secret" else text.encode() for key, text in texts.items()}
        return data | {key: b64decode(text) for key, text in (obj.get("binaryData") or {}).items()}

    def _object(self, kind: str, name: str, optional: bool) -> Object:
        try:
            return self._server.objects.get(kind, self._namespace, name)
        except Refusal:
            if optional:
                return {}
            if name == "kube-root-ca.crt":  # a real cluster has one in each namespace
                return {"data": {"ca.crt": self._server.certificate.read_text()}}
            what = kind.lower()
            raise NotReady("CreateContainerConfigError", f'{what} "{name}" not found') from None
