"""The Job that this pod belongs to: a signal to end means «stop» where that is deleted, else «another pod goes on»."""

import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from modelyard.errors import ModelyardError
from modelyard.targets.kubernetes.api import Api
from modelyard.targets.kubernetes.kinds import JOB, POD

_ENDED_BY_SIGNAL = 128 + signal.SIGTERM


@dataclass(frozen=True)
class OwnJob:
    """`pod` is empty outside of a cluster: a signal then cancels."""

    pod: str
    namespace: str

    @classmethod
    def of_this_pod(cls, environ: Mapping[str, str]) -> "OwnJob":
        return cls(environ.get("MODELYARD_POD", ""), environ.get("MODELYARD_NAMESPACE", "default"))

    def cancel_on_signal(self, cancel: threading.Event) -> None:
        """Must be called in the main thread."""

        def handle(_number: int, _frame: object) -> None:
            # Not here: the handler may have interrupted a request, which holds the connection.
            threading.Thread(target=self._end, args=(cancel,), name="own-job", daemon=True).start()

        signal.signal(signal.SIGTERM, handle)
        signal.signal(signal.SIGINT, handle)

    def _end(self, cancel: threading.Event) -> None:
        if self.pod and self._stays():
            # As after a kill: Jobs of tasks run on, and the next pod finds them.
            os._exit(_ENDED_BY_SIGNAL)
        cancel.set()

    def _stays(self) -> bool:
        try:
            api = Api.connect(None, self.namespace)
            pod = api.get(POD, self.pod)
            owners = (pod or {}).get("metadata", {}).get("ownerReferences") or ()
            name = next((owner["name"] for owner in owners if owner["kind"] == "Job"), None)
            job = api.get(JOB, name) if name else None
        except ModelyardError:  # nobody to ask: a drained node more often than a deleted Job
            return True
        return job is not None and not job["metadata"].get("deletionTimestamp")
