"""Runs: each attempt at a task, with its log, how it ended, and what it made."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.state.applied import Scoped, now
from modelyard.state.owner import whoami
from modelyard.state.records import RunRecord, RunStatus, decode_outputs, encode_outputs
from modelyard.task import TaskResult

_COLUMNS = (
    "run_id, address, kind, fingerprint, status, environment, attempt, started_at, finished_at, seconds, log, error, "
    "summary, actor, metrics, outputs, recorded"
)


def _run(row: Sequence[Any]) -> RunRecord:
    metrics, outputs, recorded = row[14:]
    head: Any = row[:14]
    tail: Any = (json.loads(metrics), decode_outputs(outputs), json.loads(recorded))
    return RunRecord(*head, *tail)


class RunTable(Scoped):
    def record_run(self, run: RunRecord) -> RunRecord:
        """Write that a run has begun (or a whole run at once). Returns it with time and author filled in."""
        scope = self.scope(run.environment)
        row = [
            run.run_id, run.address, run.kind, run.fingerprint, run.status, run.environment, run.attempt,
            run.started_at or now(), run.finished_at, run.seconds, run.log, run.error, run.summary, run.by or whoami(),
            json.dumps(dict(run.metrics)), encode_outputs(run.outputs), json.dumps(dict(run.recorded), default=str),
        ]  # fmt: skip
        with self._db.transaction():
            self._db.run("DELETE FROM modelyard_runs WHERE run_id = ?", run.run_id)
            self._db.run(f"INSERT INTO modelyard_runs (scope, {_COLUMNS}) VALUES (?{', ?' * len(row)})", scope, *row)
        return _run(row)

    def finish_run(
        self,
        run_id: str,
        status: RunStatus,
        *,
        error: str = "",
        result: TaskResult | None = None,
        seconds: float | None = None,
        recorded: Mapping[str, Any] | None = None,
    ) -> None:
        """Write how a run ended; `result` is what `result(fingerprint)` gives back later."""
        recorded = recorded if recorded is not None else (result.recorded if result else {})
        took = seconds if seconds is not None else (result.seconds if result else 0.0)
        self._db.run(
            "UPDATE modelyard_runs SET status = ?, finished_at = ?, seconds = ?, error = ?, summary = ?, metrics = ?, "
            "outputs = ?, recorded = ?, result = ? WHERE run_id = ?",
            status, now(), took, error, result.summary if result else "",
            json.dumps(dict(result.metrics) if result else {}), encode_outputs(result.outputs if result else {}),
            json.dumps(dict(recorded), default=str), json.dumps(result.to_json(), default=str) if result else None,
            run_id,
        )  # fmt: skip

    def runs(
        self,
        environment: str | None = None,
        address: str | None = None,
        *,
        status: RunStatus | None = None,
        limit: int = 100,
    ) -> list[RunRecord]:
        """An environment's runs, newest first."""
        where, values = "scope = ?", [self.scope(environment)]
        for column, value in (("address", address), ("status", status)):
            if value is not None:
                where += f" AND {column} = ?"
                values.append(value)
        rows = self._db.rows(
            f"SELECT {_COLUMNS} FROM modelyard_runs WHERE {where} ORDER BY started_at DESC, run_id DESC LIMIT ?",
            *values,
            limit,
        )
        return [_run(row) for row in rows]

    def run(self, run_id: str) -> RunRecord | None:
        """A run by its id, or by the beginning of one. Raises ModelyardError where several begin so."""
        rows = self._db.rows(
            f"SELECT {_COLUMNS} FROM modelyard_runs WHERE substr(run_id, 1, ?) = ? LIMIT 2", len(run_id), run_id
        )
        exact = [row for row in rows if row[0] == run_id] or rows
        if len(exact) > 1:
            raise ModelyardError(f"several runs begin with `{run_id}`", fix="give more of the id", code="ambiguous")
        return _run(exact[0]) if exact else None

    def result(self, fingerprint: str) -> TaskResult | None:
        """What the last good run of a fingerprint made, in any environment of this state."""
        rows = self._db.rows(
            "SELECT result FROM modelyard_runs WHERE fingerprint = ? AND status = 'ok' AND result IS NOT NULL "
            "ORDER BY started_at DESC LIMIT 1",
            fingerprint,
        )
        return TaskResult.from_json(json.loads(rows[0][0])) if rows else None

    def history(
        self, kind: str | None = None, address: str | None = None, environment: str | None = None, limit: int = 5
    ) -> tuple[float, ...]:
        """Seconds that the last good runs of an address (else of a kind) took, newest first."""
        column, value = ("address", address) if address is not None else ("kind", kind)
        rows = self._db.rows(
            f"SELECT seconds FROM modelyard_runs WHERE scope = ? AND {column} = ? AND status = 'ok' "
            "ORDER BY started_at DESC LIMIT ?",
            self.scope(environment),
            value,
            limit,
        )
        return tuple(row[0] for row in rows)

    def interrupt_runs(self, environment: str | None = None) -> int:
        """Mark runs that never ended as interrupted; only who holds the lock may say so."""
        rows = self._db.run(
            "UPDATE modelyard_runs SET status = 'interrupted', finished_at = ? WHERE scope = ? AND status = 'running' "
            "RETURNING run_id",
            now(),
            self.scope(environment),
        )
        return len(rows)
