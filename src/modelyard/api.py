"""The verbs of Modelyard in Python; the command line is a thin face on them.

import modelyard
loaded = modelyard.load("mlops.yaml", environment="dev")
graph = modelyard.compile_graph(loaded)
plan = modelyard.make_plan(loaded, graph)
report = modelyard.apply_plan(loaded, graph, plan)
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from modelyard.apply.report import ApplyReport
    from modelyard.graph.model import Graph
    from modelyard.plan.definition import Plan
    from modelyard.plan.policies import Verdict
    from modelyard.spec import LoadedSpec
    from modelyard.state.state import State
    from modelyard.store import Store
    from modelyard.targets.base import Live, Target


def load(
    path: str | Path = "mlops.yaml",
    *,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    data: bool = True,
) -> "LoadedSpec":
    """Read and check a spec. Raises ErrorGroup with every mistake and its place.

    `data=False` is for machines without the project's data: what lies on the disk beside the spec is not looked at.
    """
    from modelyard.spec import load_spec

    files = None if data else Path.read_bytes
    return load_spec(Path(path), environment=environment, variables=variables or {}, files=files)


def compile_graph(loaded: "LoadedSpec") -> "Graph":
    """The spec as a graph, with the digests of its code and of the data its sources name. Raises ModelyardError."""
    from modelyard.graph import compile_graph as compile_

    return compile_(loaded)


def open_state(loaded: "LoadedSpec", graph: "Graph", *, read_only: bool = False) -> "State":
    """The state the spec names. Read-only makes nothing on the disk. Raises ModelyardError."""
    from modelyard.apply.opening import open_state as open_

    return open_(graph, loaded.root, read_only=read_only)


def open_store(loaded: "LoadedSpec", graph: "Graph") -> "Store":
    """The content-addressed store the spec names."""
    from modelyard.apply.opening import open_store as open_

    return open_(graph, loaded.root)


def open_target(loaded: "LoadedSpec", graph: "Graph") -> "Target":
    """The target of the spec's environment. Raises ModelyardError for one that is not supported."""
    from modelyard.targets import open_target as open_

    return open_(graph, loaded.root)


def make_plan(
    loaded: "LoadedSpec",
    graph: "Graph",
    *,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    observe: bool = True,
) -> "Plan":
    """What `apply` would do, and why. Changes nothing.

    `observe=False` does not look at what runs, nor at a state in the cluster: the plan is then that of a first apply.
    """
    from modelyard.apply.opening import open_state as open_

    with open_(graph, loaded.root, read_only=True, offline=not observe) as state:
        live = _what_runs(loaded, graph) if observe else None
        return plan_against_state(loaded, graph, state, open_store(loaded, graph), live, select=select, exclude=exclude)


def _what_runs(loaded: "LoadedSpec", graph: "Graph") -> "Live":
    """Where nothing is a service, the target is not asked, and not imported; but for a cluster, which holds more."""
    if "kubernetes" in graph.target or any(node.role == "service" for node in graph.nodes.values()):
        return open_target(loaded, graph).observe(graph)
    from types import SimpleNamespace

    return cast("Live", SimpleNamespace(services={}, notes={}, objects=()))


def plan_against_state(
    loaded: "LoadedSpec",
    graph: "Graph",
    state: "State",
    store: "Store",
    live: "Live | None",
    *,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> "Plan":
    """Plan with a state, a store and a view of what runs (None: not looked at) that are at hand already."""
    from modelyard.apply.planning import plan_project
    from modelyard.graph.lock import environment_drift

    drift = [str(line) for line in environment_drift(graph)]
    return plan_project(graph, state, store, live, loaded.root, select=select, exclude=exclude, warnings=drift)


def judge_plan(plan: "Plan", graph: "Graph") -> "tuple[Verdict, ...]":
    """The policies of the spec that hold for this plan, denials first."""
    from modelyard.plan.policies import judge

    return judge(plan, graph, graph.settings.get("policies") or {})


def apply_plan(
    loaded: "LoadedSpec",
    graph: "Graph",
    plan: "Plan",
    *,
    parallelism: int | None = None,
    keep_going: bool = False,
    on_event: "Callable[[Any], None] | None" = None,
    cancel: "threading.Event | None" = None,
    lock_wait: float = 0.0,
) -> "ApplyReport":
    """Do what `plan` says; the report tells what became of each address, failures too. Raises ModelyardError."""
    from modelyard.apply import apply_plan as apply_
    from modelyard.apply.commit import git_commit

    with open_state(loaded, graph) as state:
        return apply_(
            plan, graph, open_target(loaded, graph), state, open_store(loaded, graph), root=loaded.root,
            parallelism=parallelism, keep_going=keep_going, on_event=on_event, cancel=cancel, lock_wait=lock_wait,
            git=git_commit(loaded.root),
        )  # fmt: skip


def share_results(
    loaded: "LoadedSpec",
    graph: "Graph",
    plan: "Plan",
    *,
    on_event: "Callable[[Any], None] | None" = None,
    cancel: "threading.Event | None" = None,
) -> None:
    """Send to `store.remote` what the plan takes as it is and the remote lacks. `apply_plan` does it, too."""
    if not (graph.settings.get("store") or {}).get("remote"):
        return
    from modelyard.apply.opening import open_state as open_
    from modelyard.apply.sharing import share_results as share

    with open_(graph, loaded.root, read_only=True) as state:
        share(plan, graph, state, open_store(loaded, graph), on_event or (lambda event: None), cancel)


def destroy(
    loaded: "LoadedSpec",
    graph: "Graph",
    *,
    on_event: "Callable[[Any], None] | None" = None,
    cancel: "threading.Event | None" = None,
    lock_wait: float = 0.0,
    volumes: bool = False,
) -> "ApplyReport":
    """Stop the services that apply started, and forget what was applied. Results stay in the store.

    `volumes`: the data that services keep (databases of the Compose target) goes too.
    """
    from modelyard.apply.destroy import destroy as destroy_

    with open_state(loaded, graph) as state:
        return destroy_(
            graph, open_target(loaded, graph), state, root=loaded.root, on_event=on_event, cancel=cancel,
            lock_wait=lock_wait, volumes=volumes,
        )  # fmt: skip


def plan_against_commit(loaded: "LoadedSpec", ref: str) -> "Plan":
    """What this spec changes against the spec at a git commit, with no state and no data at hand."""
    from modelyard.graph.gitref import compile_at, compile_here
    from modelyard.plan.against import compare_graphs

    return compare_graphs(compile_at(loaded, ref), compile_here(loaded), ref)
