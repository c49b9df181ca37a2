"""A Kubernetes of the tests' own, in the test process: an API server over real HTTP, a Job controller, a kubelet.

`ApiServer` stores objects as the real one does, as far as its clients can tell: server-side apply with managed fields
and conflicts, dry run, resource versions, generations, defaults, selectors, watches with bookmarks and 410, discovery,
RBAC of service accounts, garbage collection of dependents, and refusals on demand. `Node` runs pods as local processes,
each in a mount namespace that holds what its volumes say and nothing else of its own.

    with ApiServer() as server:
        server.kubeconfig(tmp_path / "config")          # for `kubectl` and for the Python client
        server.faults.add(429, verb="patch", times=2)   # the next two patches are told to come back later
        server.objects.get("Job", "work", "train")      # a look from behind, without HTTP
"""

from cluster.http_server import ApiServer
from cluster.node import Node
from cluster.refusals import Refusal

__all__ = ["ApiServer", "Node", "Refusal"]
