"""What every target does, whatever it runs things on: subclass `TargetContract` and fill in its few hooks.

Cases use programs of the standard library only, so that any image with Modelyard's runtime can run them.
"""

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

import pytest

from documents import task_document
from modelyard.errors import ModelyardError
from modelyard.graph.model import Graph, Node, Ref, Resources
from modelyard.store import Store
from modelyard.targets.base import Deployment, LiveService, OnEvent, Outcome, Target
from modelyard.task import Artifact, TaskDocument
from watching import eventually

WORK = Path(__file__).with_name("work.py")


class TargetContract:
    """Hooks first; everything that begins with `test_` must hold for every target."""

    # Hooks

    def open(self, root: Path) -> Target:
        """A target for the project in `root`, as a client that has just started would open it."""
        raise NotImplementedError

    def is_running(self, marker: str) -> bool:
        """Whether any process with `marker` among its arguments runs, wherever the target runs things."""
        raise NotImplementedError

    def bystander(self) -> AbstractContextManager[str]:
        """Something foreign that runs beside, under the marker given; it must be left alone."""
        raise NotImplementedError

    def kill(self, marker: str) -> None:
        """Kill -9 the process with `marker`, as a bad moment would."""
        raise NotImplementedError

    def free_port(self) -> int:
        raise NotImplementedError

    def reachable(self, url: str) -> str:
        """A service's URL as this process reaches it."""
        return url

    def document(self, root: Path, node: Node, **changes: Any) -> TaskDocument:
        """A document whose paths and store hold where the target runs things."""
        return task_document(root, node, **{"project": "contract", **changes})

    # Fixtures

    @pytest.fixture(scope="class")
    @classmethod
    def root(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        root = tmp_path_factory.mktemp("project")
        (root / "work.py").write_bytes(WORK.read_bytes())
        return root

    @pytest.fixture(scope="class")
    @classmethod
    def store(cls, root: Path) -> Store:
        return Store.open({}, root)

    @pytest.fixture(scope="class")
    @classmethod
    def target(cls, root: Path) -> Iterator[Target]:
        target = cls().open(root)
        yield target
        target.executor().close()

    @pytest.fixture
    def job(self, root: Path, target: Target) -> "Job":
        return Job(self, root, target)

    @pytest.fixture
    def service(self, root: Path, target: Target) -> Iterator["ServiceCase"]:
        case = ServiceCase(self, root, target, self.free_port())
        yield case
        target.remove(case.address, lambda event: None)

    # Tasks that end well

    def test_outputs_of_a_task_are_in_the_store(self, job: "Job", store: Store, tmp_path: Path) -> None:
        outcome = job.run("write", "${outputs.out}/a.txt", "hello")
        assert outcome.status == "ok", outcome
        assert outcome.result is not None
        store.materialize(outcome.result.outputs["out"].digest, tmp_path / "out")
        assert (tmp_path / "out" / "a.txt").read_text() == "hello"

    def test_a_result_is_kept_under_its_fingerprint(self, job: "Job", store: Store) -> None:
        outcome = job.run("write", "${outputs.out}/a.txt", "kept")
        assert store.get_result(job.last.fingerprint) == outcome.result

    def test_equal_work_has_the_digest_that_it_has_anywhere(self, job: "Job", store: Store, tmp_path: Path) -> None:
        (tmp_path / "same").mkdir()
        (tmp_path / "same" / "a.txt").write_text("same")
        digests = {job.run("write", "${outputs.out}/a.txt", "same").result.outputs["out"].digest for _ in range(2)}  # type: ignore[union-attr]
        assert digests == {store.put_tree(tmp_path / "same").digest}

    def test_inputs_are_folders_by_port(self, job: "Job", store: Store, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "a.txt").write_text("from before")
        artifact = store.put_tree(tmp_path / "in")
        outcome = job.run("copy", "${inputs.before}/a.txt", "${outputs.out}/a.txt", inputs={"before": artifact})
        assert outcome.result is not None, outcome
        assert outcome.result.outputs["out"].digest == artifact.digest

    def test_a_run_is_recorded_with_what_made_it(self, job: "Job") -> None:
        result = job.run("write", "${outputs.out}/a.txt", "x", changes={"git": {"commit": "abc123"}}).result
        assert result is not None
        assert result.recorded["git"] == {"commit": "abc123"}
        assert result.recorded["python"].startswith("3.")
        assert result.recorded["hardware"]["cpus"] > 0
        assert result.seconds > 0
        assert result.run_id == job.last.run_id

    def test_tasks_run_side_by_side(self, job: "Job") -> None:
        outcomes: list[Outcome] = []
        threads = [
            threading.Thread(target=lambda: outcomes.append(job.again("sleep", "3.0", "${outputs.out}/done")))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [outcome.status for outcome in outcomes] == ["ok"] * 2
        results = [outcome.result for outcome in outcomes if outcome.result]
        ends = [datetime.fromisoformat(result.finished_at) for result in results]
        starts = [end - timedelta(seconds=result.seconds) for end, result in zip(ends, results, strict=True)]
        assert max(starts) < min(ends), "the second began before the first had ended"

    # What a task says

    def test_progress_metrics_and_notes_come_as_events(self, job: "Job") -> None:
        job.run("events", "${outputs.out}/done")
        assert {"event": "note", "text": "reading"} in job.events
        assert {"event": "metric", "name": "loss", "value": 0.5, "step": 1} in job.events
        last = [event for event in job.events if event["event"] == "progress"][-1]
        assert (last["done"], last["total"]) == (3, 3)

    def test_a_task_cannot_forge_its_result(self, job: "Job") -> None:
        outcome = job.run("forge")
        assert outcome.status == "failed"
        assert "forged" in job.log_text

    def test_the_log_has_all_output_and_no_events(self, job: "Job") -> None:
        job.run("events", "${outputs.out}/done")
        assert "a line on stdout" in job.log_text
        assert "a line on stderr" in job.log_text
        assert "\x1e" not in job.log_text

    def test_numbers_of_a_metrics_output_are_its_metrics(self, job: "Job") -> None:
        outcome = job.run(
            "write", "${outputs.out}/metrics.json", '{"rmse": 1.5, "note": "x"}',
            config={"outputs": {"out": {"type": "metrics"}}},
        )  # fmt: skip
        assert outcome.result is not None, outcome
        assert outcome.result.metrics == {"rmse": 1.5}

    def test_a_secret_reaches_the_task_and_not_its_log(
        self, job: "Job", root: Path, store: Store, tmp_path: Path
    ) -> None:
        (root / "key.txt").write_text("s3cr3t-value\n")
        outcome = job.run(
            "secret", "${outputs.out}/length", config={"env": {"KEY": "${secret.KEY}"}},
            changes={"settings": {"secrets": {"KEY": {"file": str(root / "key.txt")}}}},
        )  # fmt: skip
        assert outcome.status == "ok", outcome
        assert outcome.result is not None
        store.materialize(outcome.result.outputs["out"].digest, tmp_path / "out")
        assert (tmp_path / "out" / "length").read_text() == "12"
        assert "s3cr3t-value" not in job.log_text + json.dumps(list(job.events))
        assert "the key is ***" in job.log_text

    # Tasks that fail

    def test_a_failure_says_the_line_that_matters(self, job: "Job") -> None:
        outcome = job.run("fail", "no such carrier")
        assert outcome.status == "failed"
        assert "ValueError: no such carrier" in outcome.reason
        assert any("Traceback" in line for line in outcome.tail)
        assert outcome.result is None

    def test_a_program_that_is_not_there_is_named(self, job: "Job") -> None:
        outcome = job.run_argv("no-such-program", "--x")
        assert outcome.status == "failed"
        assert "no-such-program" in outcome.reason

    def test_an_output_left_empty_is_a_failure(self, job: "Job") -> None:
        outcome = job.run("nothing")
        assert outcome.status == "failed"
        assert "output `out`" in outcome.reason

    def test_a_secret_that_is_not_set_is_named(self, job: "Job") -> None:
        outcome = job.run("nothing", config={"env": {"KEY": "${secret.NOT_SET_ANYWHERE}"}})
        assert outcome.status == "failed"
        assert "NOT_SET_ANYWHERE" in outcome.reason

    def test_a_task_sees_the_number_of_its_attempt(self, job: "Job") -> None:
        config = {"config": {"retries": 1}}
        assert job.run("second-time", "${outputs.out}/done", changes={"attempt": 1}, **config).status == "failed"
        assert job.run("second-time", "${outputs.out}/done", changes={"attempt": 2}, **config).status == "ok"

    def test_checkpoints_outlive_an_attempt(self, job: "Job", root: Path) -> None:
        workdir = {"workdir": str(root / ".modelyard" / "work" / "kept")}
        assert job.run("checkpoint", "${outputs.out}/done", changes={**workdir, "attempt": 1}).status == "failed"
        assert job.run("checkpoint", "${outputs.out}/done", changes={**workdir, "attempt": 2}).status == "ok"

    def test_a_task_killed_from_outside_is_a_failure(self, job: "Job") -> None:
        marker = uuid4().hex
        waiting = job.in_background("hang", marker)
        self.wait_for(marker)
        self.kill(marker)
        assert waiting().status == "failed"

    # Tasks that do not end by themselves

    def test_a_task_past_its_timeout_is_ended(self, job: "Job") -> None:
        marker = uuid4().hex
        outcome = job.run("hang", marker, timeout=1.0)
        assert outcome.status == "timeout"
        assert "timeout" in outcome.reason
        assert not self.is_running(marker)

    def test_a_cancelled_task_is_ended(self, job: "Job") -> None:
        marker = uuid4().hex
        waiting = job.in_background("hang", marker)
        self.wait_for(marker)
        job.cancel.set()
        assert waiting().status == "cancelled"
        assert not self.is_running(marker)

    def test_a_task_cancelled_before_its_start_never_runs(self, job: "Job") -> None:
        job.cancel.set()
        assert job.run("write", "${outputs.out}/a.txt", "x").status == "cancelled"

    def test_a_cancelled_task_may_tidy_up(self, job: "Job") -> None:
        marker = uuid4().hex
        waiting = job.in_background("tidy", marker)
        eventually(lambda: "listening" in job.log_text)
        job.cancel.set()
        assert waiting().status == "cancelled"
        assert "tidied up" in job.log_text

    def test_a_task_that_ignores_sigterm_is_ended(self, job: "Job") -> None:
        marker = uuid4().hex
        outcome = job.run("ignore", marker, timeout=1.5)
        assert outcome.status == "timeout"
        assert not self.is_running(marker)

    def test_a_grandchild_in_its_own_session_is_ended(self, job: "Job") -> None:
        marker = uuid4().hex
        outcome = job.run("leave-grandchild", marker, "${outputs.out}/done")
        assert outcome.status == "ok", outcome
        assert not self.is_running(marker)

    def test_much_output_is_bounded_and_says_so(self, job: "Job") -> None:
        self.shout(job, megabytes=64)

    @pytest.mark.e2e
    def test_a_gigabyte_of_output_is_bounded(self, job: "Job") -> None:
        began = time.monotonic()
        self.shout(job, megabytes=1024)
        assert time.monotonic() - began < 60

    def shout(self, job: "Job", megabytes: int) -> None:
        outcome = job.run("shout", str(megabytes), "${outputs.out}/done")
        assert outcome.status == "ok", outcome
        assert job.log.stat().st_size < 40 << 20
        assert "left out" in job.log_text
        assert "the very last line" in job.log_text

    def test_one_endless_line_is_bounded(self, job: "Job") -> None:
        outcome = job.run("one-line", "8", "${outputs.out}/done")
        assert outcome.status == "ok", outcome
        assert max(len(line) for line in job.log_text.splitlines()) < 1 << 20

    # Services

    def test_a_service_comes_up_and_answers(self, service: "ServiceCase") -> None:
        live = service.deploy("v1")
        assert live.status == "ready"
        assert service.get() == "v1"
        assert service.observed().status == "ready"
        assert service.observed().fingerprint == service.fingerprint

    def test_a_deployed_service_is_left_alone(self, service: "ServiceCase") -> None:
        service.deploy("v1")
        born = service.get("/born")
        service.deploy("v1")
        assert service.get("/born") == born

    def test_a_followed_input_changes_no_process(self, service: "ServiceCase") -> None:
        service.deploy("v1", version="b3:1")
        born = service.get("/born")
        live = service.deploy("v1", version="b3:2")
        assert live.status == "ready"
        assert service.get("/born") == born

    def test_a_changed_service_is_replaced(self, service: "ServiceCase") -> None:
        service.deploy("v1")
        service.deploy("v2")
        assert service.get() == "v2"
        assert service.observed().fingerprint == service.fingerprint

    def test_a_removed_service_is_gone(self, service: "ServiceCase", target: Target) -> None:
        service.deploy("v1")
        target.remove(service.address, lambda event: None)
        assert service.address not in target.observe(Graph("contract", {})).services
        assert not self.is_running(service.marker)
        target.remove(service.address, lambda event: None)

    def test_a_service_survives_its_client(self, service: "ServiceCase", root: Path) -> None:
        service.deploy("v1")
        later = self.open(root)
        assert later.observe(Graph("contract", {})).services[service.address].status == "ready"
        assert service.get() == "v1"

    def test_a_killed_service_comes_back(self, service: "ServiceCase") -> None:
        service.deploy("v1")
        born = service.get("/born")
        self.kill(service.marker)
        eventually(lambda: service.get("/born") not in ("", born))

    def test_a_service_that_never_gets_ready_shows_its_log(self, service: "ServiceCase", target: Target) -> None:
        with pytest.raises(ModelyardError) as caught:
            service.deploy("crash")
        assert "cannot read the model" in " ".join([caught.value.what, *caught.value.details])
        assert not self.is_running(service.marker)

    @pytest.mark.e2e
    def test_what_ran_before_a_failed_change_runs_again(self, service: "ServiceCase") -> None:
        service.deploy("v1")
        with pytest.raises(ModelyardError):
            service.deploy("crash")
        eventually(lambda: service.get() == "v1")

    def test_a_service_that_nobody_waits_for_any_more_is_not_left(self, service: "ServiceCase") -> None:
        cancel = threading.Event()
        with pytest.raises(ModelyardError) as caught:
            service.deploy("hang", cancel=cancel, on_event=lambda event: cancel.set())
        assert caught.value.code == "cancelled"
        eventually(lambda: not self.is_running(service.marker))

    def test_a_taken_port_is_said_so(self, service: "ServiceCase") -> None:
        with self.listening(service.port), pytest.raises(ModelyardError) as caught:
            service.deploy("v1")
        assert caught.value.code == "port-taken"
        assert str(service.port) in caught.value.what

    def test_nothing_foreign_is_touched(self, service: "ServiceCase", job: "Job", target: Target) -> None:
        with self.bystander() as marker:
            service.deploy("v1")
            job.run("leave-grandchild", uuid4().hex, "${outputs.out}/done")
            service.deploy("v2")
            target.remove(service.address, lambda event: None)
            assert self.is_running(marker)

    # Rendering

    def test_rendered_files_are_the_same_each_time(self, target: Target, root: Path) -> None:
        graph = Graph("contract", {"steps.a": Node("steps.a", "command", config={"run": ["true"]}, outputs=("out",))})
        first, second = target.render(graph), self.open(root).render(graph)
        assert list(first.items()) == list(second.items())
        assert first

    # What the cases are written with

    def wait_for(self, marker: str, seconds: float = 20.0) -> None:
        eventually(lambda: self.is_running(marker), seconds)

    def listening(self, port: int) -> AbstractContextManager[Any]:
        from contextlib import closing
        from socket import create_server

        return closing(create_server(("127.0.0.1", port)))


class Job:
    """Runs `work.py` as a task, and keeps what it said."""

    def __init__(self, contract: TargetContract, root: Path, target: Target) -> None:
        self._contract = contract
        self._root = root
        self._target = target
        self.events: list[Mapping[str, Any]] = []
        self.cancel = threading.Event()
        self.log = root / ".modelyard" / "logs" / f"{uuid4().hex[:12]}.log"
        self.last: TaskDocument

    def run(self, *arguments: str, **options: Any) -> Outcome:
        return self.run_argv("python", "work.py", *arguments, **options)

    def run_argv(
        self,
        *argv: str,
        config: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Artifact] | None = None,
        timeout: float | None = 60.0,
        changes: Mapping[str, Any] | None = None,
    ) -> Outcome:
        refs = {port: Ref("steps.before", "out") for port in inputs or {}}
        node = Node("steps.job", "command", config={"run": list(argv), **(config or {})}, inputs=refs, outputs=("out",))
        self.last = self._contract.document(self._root, node, inputs=dict(inputs or {}), **(changes or {}))
        executor = self._target.executor()
        return executor.run(self.last, Resources(), timeout, self.log, self.events.append, self.cancel)

    def again(self, *arguments: str) -> Outcome:
        """As `run`, and safe to call from several threads."""
        node = Node(
            "steps.job", "command", config={"run": ["python", "work.py", *arguments]}, outputs=("out",)
        )  # fmt: skip
        document = self._contract.document(self._root, node)
        log = self.log.with_name(f"{document.run_id}.log")
        return self._target.executor().run(document, Resources(), 60.0, log, self.events.append, self.cancel)

    def in_background(self, *arguments: str) -> Any:
        outcomes: list[Outcome] = []
        thread = threading.Thread(target=lambda: outcomes.append(self.run(*arguments)))
        thread.start()

        def outcome() -> Outcome:
            thread.join(60)
            return outcomes[0]

        return outcome

    @property
    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class ServiceCase:
    """Deploys `work.py serve` under one address."""

    address = "serving.contract"

    def __init__(self, contract: TargetContract, root: Path, target: Target, port: int) -> None:
        self._contract = contract
        self._root = root
        self._target = target
        self.port = port
        self.marker = uuid4().hex
        self.fingerprint = ""
        self.url = ""

    def deploy(
        self, answer: str, version: str = "b3:0", cancel: threading.Event | None = None,
        on_event: OnEvent = lambda event: None,
    ) -> LiveService:  # fmt: skip
        argv = ["python", "work.py", "serve", "${params.port}", answer, self.marker]
        node = Node(
            self.address,
            "command",
            role="service",
            config={"run": argv, "port": self.port, "probe": "/"},
            inputs={"version": Ref("registry.digits", "version", follow=True)},
        )
        self.fingerprint = f"b3:{answer}"
        document = self._contract.document(
            self._root, node, fingerprint=self.fingerprint, settings={"version": version}
        )
        live = self._target.deploy(Deployment(node, document, cancel=cancel or threading.Event()), on_event)
        self.url = self._contract.reachable(live.url or "")
        return live

    def observed(self) -> LiveService:
        return self._target.observe(Graph("contract", {})).services[self.address]

    def get(self, path: str = "/") -> str:
        with suppress(OSError, http.client.HTTPException), urlopen(self.url + path, timeout=2) as response:
            return str(response.read().decode())
        return ""
