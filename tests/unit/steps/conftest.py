"""Builders for steps: a context by kind, config and inputs, and tables in folders."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from modelyard.steps.base import StepContext
from modelyard.task import TaskDocument


@pytest.fixture
def context(tmp_path: Path) -> Callable[..., StepContext]:
    """`context(address, kind, config, outputs, inputs=…, external=…)` → a StepContext with empty output folders."""
    numbers = iter(range(1000))

    def build(
        address: str, kind: str, config: Mapping[str, Any], outputs: list[str], *,
        inputs: Mapping[str, Path] | None = None, external: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None, tracking: Mapping[str, Any] | None = None,
    ) -> StepContext:  # fmt: skip
        work = tmp_path / f"attempt-{next(numbers)}"
        folders = {name: work / "outputs" / name for name in outputs}
        for folder in [*folders.values(), work / "work"]:
            folder.mkdir(parents=True)
        document = TaskDocument(
            project="p", root=str(tmp_path), node={"address": address, "kind": kind, "external": external}, fingerprint="b3:0",
            run_id="r", inputs={}, store={}, workdir=str(work / "work"), result=str(work / "result.json"),
            settings=settings or {}, tracking=tracking or {},
        )  # fmt: skip
        return StepContext(
            document=document, address=address, kind=kind, config=json.loads(json.dumps(config)), inputs=inputs or {},
            outputs=folders, root=tmp_path, workdir=work / "work", store=None, emit=lambda event: None,
        )  # fmt: skip

    return build
