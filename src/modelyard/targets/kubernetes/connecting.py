"""Where a cluster is and who we are there: kubeconfig (contexts, exec plugins, OIDC, TLS) or a pod's service account.

Both are read by the `kubernetes` client, and of it only this is used, with its connection pool. What it builds upon
that, models of every kind or the dynamic client's discovery of the whole cluster at start, would cost seconds and
hide from us the headers, the Status and the stream that retries, messages and watches are made of.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.nearest import did_you_mean
from modelyard.targets.kubernetes.api_errors import no_cluster, no_login

_POOL = 32  # watches and logs hold one each


@dataclass(frozen=True)
class Connection:
    """`title` is how messages name the cluster: «context kind-dev», «this pod's cluster»."""

    title: str
    context: str | None
    configuration: Any

    @property
    def host(self) -> str:
        return str(self.configuration.host).rstrip("/")

    @cached_property
    def pool(self) -> Any:
        """The urllib3 pool, with the cluster's certificates and the proxy of the environment."""
        import urllib3
        from kubernetes.client.rest import RESTClientObject

        if not self.configuration.verify_ssl:  # the kubeconfig says so: not to be told anew with each request
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        return RESTClientObject(self.configuration).pool_manager

    def headers(self) -> dict[str, str]:
        """Who we are, renewed where it expires."""
        known = self.configuration.auth_settings().values()
        return {entry["key"]: entry["value"] for entry in known if entry["in"] == "header" and entry["value"]}

    def renewed(self) -> "Connection":
        """The same cluster, with credentials read anew: a token may have been replaced before it expired."""
        return connect(self.context)


def connect(context: str | None = None) -> Connection:
    """By the kubeconfig's `context`; without one by the pod's service account, or else the current context.

    Raises ModelyardError, code `no-cluster`, where none of these is there.
    """
    import yaml

    try:
        from kubernetes.client import Configuration
        from kubernetes.config import ConfigException
    except ImportError:
        raise ModelyardError(
            "target kubernetes needs the package `kubernetes`",
            fix="pip install 'modelyard[kubernetes]'",
            code="missing-package",
        ) from None
    configuration = Configuration()
    configuration.retries = False  # ours are in `requesting`, which knows what may be asked twice
    configuration.connection_pool_maxsize = _POOL
    try:
        with _words_of_plugins() as said:
            title = _load(context, configuration)
    except (ConfigException, OSError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        # The client reads a kubeconfig that is none of its kind as far as it gets.
        raise no_cluster(_what_is_wrong(context), str(error)) from error
    if said and not configuration.api_key and not configuration.cert_file:
        raise no_login(title, said[-1])
    return Connection(title, context, configuration)


@contextmanager
def _words_of_plugins() -> Iterator[list[str]]:
    """What a login plugin says when it fails: the client writes it to the log, and goes on as nobody."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        yield said
    finally:
        logging.getLogger().removeHandler(handler)


def _load(context: str | None, configuration: Any) -> str:
    from kubernetes.config import load_incluster_config, load_kube_config

    # A run in the cluster has its context from the graph, which was made outside: here it means nothing.
    if in_pod(os.environ) and (context is None or "MODELYARD_POD" in os.environ):
        load_incluster_config(configuration)
        return "this pod's cluster"
    # Not the client's own default: that one is read when the client is imported.
    path = os.environ.get("KUBECONFIG") or "~/.kube/config"
    name = context or _current_context(path)
    _check_context(path, name)
    load_kube_config(path, name, configuration)
    return f"context {name}"


def in_pod(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("KUBERNETES_SERVICE_HOST")) and not environ.get("KUBECONFIG")


def _current_context(path: str) -> str:
    from kubernetes.config import list_kube_config_contexts

    return str(list_kube_config_contexts(path)[1]["name"])


def _check_context(path: str, name: str) -> None:
    from kubernetes.config.kube_config import KubeConfigMerger

    config = KubeConfigMerger(path).config
    known = [str(entry["name"]) for entry in (config.value.get("contexts") or ())] if config else []
    if known and name not in known:
        raise ModelyardError(
            f"the kubeconfig has no context `{name}`",
            fix=did_you_mean(name, known, "contexts there"),
            code="no-cluster",
        )


def _what_is_wrong(context: str | None) -> str:
    return f"context `{context}` cannot be used" if context else "no cluster is configured"
