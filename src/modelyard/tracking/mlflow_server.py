"""`python -m modelyard.tracking.mlflow_server HOST PORT STORE ARTIFACTS [ROOT]`: MLflow's server, in one process.

`mlflow server` imports all of MLflow, and starts a process that imports it again: twice the time until it is ready,
which on a busy machine is half a minute. Here the application is run where it is imported. The names that it reads
are MLflow's own business, so they are compared, and where they are others now, its command line is run after all.
"""

import os
import sys

_PRIVATE = {
    "BACKEND_STORE_URI_ENV_VAR": "_MLFLOW_SERVER_FILE_STORE",
    "ARTIFACT_ROOT_ENV_VAR": "_MLFLOW_SERVER_ARTIFACT_ROOT",
    "SERVE_ARTIFACTS_ENV_VAR": "_MLFLOW_SERVER_SERVE_ARTIFACTS",
    "ARTIFACTS_DESTINATION_ENV_VAR": "_MLFLOW_SERVER_ARTIFACT_DESTINATION",
}


def main(host: str, port: str, store: str, artifacts: str, root: str = "") -> None:
    """Serve until a signal ends the process.

    `root` is where clients are told to put artifacts, if not there: `mlflow-artifacts:/` goes through the server.
    """
    root = root or artifacts
    values = _values(store, artifacts, root)
    os.environ.update(values)
    os.environ["_MLFLOW_IN_JOB_EXECUTOR"] = "false"  # as `mlflow server` has it: a server builds no one's code
    try:
        from mlflow import server
        from mlflow.server.fastapi_app import app
        from mlflow.server.handlers import initialize_backend_stores

        known = all(getattr(server, name) == variable for name, variable in _PRIVATE.items())
    except (ImportError, AttributeError):
        known = False
    if not known:
        for variable in values:
            del os.environ[variable]
        os.execv(sys.executable, _command_line(host, port, store, artifacts, root))  # noqa: S606 - the program we are
    if root != artifacts:  # nobody has made the database's tables: that takes seconds, for which the first would wait
        initialize_backend_stores(store, None, root)
    import uvicorn

    uvicorn.run(app, host=host, port=int(port), log_level="info")


def _values(store: str, artifacts: str, root: str) -> dict[str, str]:
    return dict(zip(_PRIVATE.values(), (store, root, "true", artifacts), strict=True))


def _command_line(host: str, port: str, store: str, artifacts: str, root: str) -> list[str]:
    return [
        sys.executable, "-m", "mlflow", "server", "--host", host, "--port", port, "--workers", "1",
        "--backend-store-uri", store, "--default-artifact-root", root, "--serve-artifacts",
        "--artifacts-destination", artifacts,
    ]  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
