"""The run in the cluster: `python -m modelyard.apply.in_cluster graph.json.gz`, in a pod of its own.

The usual driver with the graph from a file; who made the run may go away. A pod that is killed is followed by another
of the same Job, which plans anew: what is recorded is done, and what still runs is gone on with.
"""

import gzip
import json
import os
import sys
import threading
import traceback
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelyard.apply.driver import apply_plan
from modelyard.apply.event_lines import refusal_line
from modelyard.apply.opening import open_state
from modelyard.apply.own_job import OwnJob
from modelyard.apply.planning import plan_project
from modelyard.apply.refreshing import refreshed
from modelyard.apply.report import ApplyReport
from modelyard.apply.run_log import RunLog
from modelyard.apply.task_logs import keeping_logs
from modelyard.errors import ErrorGroup, ModelyardError
from modelyard.graph.codec import graph_from_json
from modelyard.graph.model import Graph
from modelyard.plan.definition import Plan
from modelyard.plan.policies import denied, judge
from modelyard.state import State
from modelyard.store import Store
from modelyard.targets import open_target
from modelyard.targets.base import Target
from modelyard.targets.kubernetes.manifests.documents import tracking_uri
from modelyard.targets.kubernetes.manifests.secrets import inside
from modelyard.targets.kubernetes.names import Scope

_AGAIN = 75
"""An exit code that the Job's rules answer with another pod: 1 and 2 mean that the run has failed."""
_PASSING = frozenset({"no-cluster", "cluster-not-well", "state-unreachable", "state-busy", "lock-lost", "store-remote"})
_PLANS = 5
_LEAST_WAIT = 180.0
"""The lock of a pod that was killed is free once its lease has run out."""


def main(arguments: Sequence[str]) -> int:
    """0 done, 1 failed, 75 to be taken up again by another pod, 143 ended while its Job stays."""
    options = _options(arguments)
    log = RunLog(sys.stdout)
    cancel = threading.Event()
    OwnJob.of_this_pod(os.environ).cancel_on_signal(cancel)
    try:
        graph, about = _read(options.graph)
        # A pod's user has no name: what is recorded says who asked for it.
        os.environ["LOGNAME"] = str(about["by"]).partition("@")[0]
        report = _run(graph, about["git"], options, Path.cwd(), log, cancel)
    except ErrorGroup as group:
        return _refuse(log, group.errors[0])
    except ModelyardError as error:
        return _refuse(log, error)
    except Exception as error:  # noqa: BLE001 - told to who follows, in a line; the rest is in the pod's log
        log.say(traceback.format_exc())
        return _refuse(log, ModelyardError(f"a defect in Modelyard: {type(error).__name__}: {error}", code="defect"))
    return 0 if report.ok else 1


def _refuse(log: RunLog, error: ModelyardError) -> int:
    if error.code in _PASSING:
        log.say(f"{error.what}; another pod takes the run up again")
        return _AGAIN
    log.say(f"error: {error.what}{f' ({error.fix})' if error.fix else ''}")
    log.say(refusal_line(error))
    return 1


def _run(
    graph: Graph, git: Mapping[str, Any], options: Namespace, root: Path, log: RunLog, cancel: threading.Event
) -> ApplyReport:
    here = _as_seen_here(graph)
    if not options.run:  # by a schedule: what the sources hold now, not what they held when the graph was made
        graph = refreshed(graph, here.settings, root, log.say)
    graph = replace(graph, settings={**graph.settings, "tracking": here.settings["tracking"]})
    target = open_target(graph, root)
    store = Store.open(here.settings.get("store") or {}, root, here.settings)
    with open_state(here, root) as state:
        for _ in range(_PLANS):
            plan = _plan(graph, state, store, target, root, options)
            try:
                return apply_plan(
                    plan, graph, target, state, store, root=root, parallelism=options.parallelism,
                    keep_going=options.keep_going, on_event=keeping_logs(store, log), cancel=cancel,
                    lock_wait=max(options.lock_wait, _LEAST_WAIT), git=git,
                )  # fmt: skip
            except ModelyardError as error:
                if error.code != "stale-plan":
                    raise
                log.say("another apply has been here since; planning again")
    raise ModelyardError("other applies change the state all the time", fix="apply again", code="stale-plan")


def _plan(graph: Graph, state: State, store: Store, target: Target, root: Path, options: Namespace) -> Plan:
    plan = plan_project(
        graph, state, store, target.observe(graph), root, select=options.select, exclude=options.exclude
    )  # fmt: skip
    if refusal := denied(judge(plan, graph, graph.settings.get("policies") or {})):
        raise refusal
    return plan


def _as_seen_here(graph: Graph) -> Graph:
    """Secrets are variables of this pod, and tracking is a server of this cluster."""
    scope = Scope(graph.project, graph.environment or "default")
    tracking: Mapping[str, Any] = graph.settings.get("tracking") or {}
    uri = tracking_uri(scope, tracking.get("uri"))
    settings = {**graph.settings, "secrets": inside(graph.settings), "tracking": {**tracking, "uri": uri}}
    return replace(graph, settings=settings)


def _read(path: Path) -> tuple[Graph, dict[str, Any]]:
    """The graph, and what its settings tell of the apply that it came with: `git`, and `by` whom."""
    try:
        graph = graph_from_json(json.loads(gzip.decompress(path.read_bytes())))
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        fix = "apply again with the version of Modelyard that is in the image"
        raise ModelyardError(f"{path} is no graph: {error}", fix=fix, code="no-graph") from error
    settings = dict(graph.settings)
    about = {"git": settings.pop("git", {}), "by": settings.pop("by", "schedule")}
    return replace(graph, settings=settings), about


def _options(arguments: Sequence[str]) -> Namespace:
    parser = ArgumentParser("modelyard.apply.in_cluster")
    parser.add_argument("graph", type=Path)
    parser.add_argument("--run", default="", metavar="ID", help="an apply's, whose graph says what the data is")
    parser.add_argument("--select", action="append", default=[], metavar="ADDRESS")
    parser.add_argument("--exclude", action="append", default=[], metavar="ADDRESS")
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("--parallelism", type=int, metavar="N")
    parser.add_argument("--lock-wait", type=float, default=0.0, metavar="SECONDS")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
