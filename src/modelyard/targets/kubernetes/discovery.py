"""What a cluster knows beyond what is built in: the kinds of operators, asked once for each API group's version."""

import threading
from collections.abc import Mapping
from typing import Any

from modelyard.targets.kubernetes.api_errors import Asked, Refusal, missing_kind
from modelyard.targets.kubernetes.kinds import BUILT_IN, Kind, Resource
from modelyard.targets.kubernetes.requesting import Requester


class Discovery:
    def __init__(self, requester: Requester) -> None:
        self._requester = requester
        self._known: dict[Kind, Resource] = dict(BUILT_IN)
        self._asking = threading.Lock()

    def resource(self, kind: Kind) -> Resource:
        """Where its API lives. Raises Refusal, code `missing-kind`, with what to install."""
        with self._asking:
            if kind not in self._known:
                self._known |= self._resources(kind.api_version)
            if kind not in self._known:  # asked anew the next time: it may have been installed by then
                raise missing_kind(kind.api_version, kind.name, self._requester.connection.title)
            return self._known[kind]

    def _resources(self, api_version: str) -> Mapping[Kind, Resource]:
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        asked = Asked("look up", f"API {api_version}", "", self._requester.connection.title)
        try:
            listed = self._requester.send("GET", path, asked)
        except Refusal as error:
            if error.status == 404:
                return {}
            raise
        return dict(_read(api_version, entry) for entry in listed.get("resources") or () if "/" not in entry["name"])


def _read(api_version: str, entry: Mapping[str, Any]) -> tuple[Kind, Resource]:
    kind = Kind(api_version, entry["kind"])
    return kind, Resource(kind, entry["name"], bool(entry["namespaced"]))
