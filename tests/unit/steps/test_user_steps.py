"""`command` and `function` steps: what a user writes, what it is given, and what becomes of what it leaves."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from modelyard.errors import ModelyardError
from modelyard.steps import command, function
from modelyard.steps.base import StepContext, StepResult
from modelyard.store import Store
from modelyard.task import TaskDocument

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


class Steps:
    """A project with a module of the user's, whose functions are run as steps."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = Store.open({}, root)
        self.outputs: dict[str, Path] = {}
        self.events: list[Mapping[str, Any]] = []
        self._number = 0

    def write(self, code: str) -> None:
        (self.root / "prepare.py").write_text(dedent(code))
        sys.modules.pop("prepare", None)

    def folder(self, **files: str) -> Path:
        self._number += 1
        folder = self.root / f"input-{self._number}"
        folder.mkdir()
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text)
        return folder

    def call(self, call: str, outputs: Mapping[str, str], inputs: Mapping[str, Path], **config: Any) -> StepResult:
        return function.run(self.context("function", {"call": call, **config}, outputs, inputs))

    def run(self, argv: list[str], outputs: Mapping[str, str], inputs: Mapping[str, Path], **config: Any) -> StepResult:
        return command.run(self.context("command", {"run": argv, **config}, outputs, inputs))

    def context(
        self, kind: str, config: Mapping[str, Any], outputs: Mapping[str, str], inputs: Mapping[str, Path]
    ) -> StepContext:
        self._number += 1
        work = self.root / f"work-{self._number}"
        self.outputs = {name: work / "outputs" / name for name in outputs}
        for folder in self.outputs.values():
            folder.mkdir(parents=True)
        artifacts = {port: self.store.put_tree(folder) for port, folder in inputs.items()}
        typed = {name: {"type": kind} for name, kind in outputs.items()}
        node = {"kind": kind, "code": [], "environment": {}, "config": {}}
        document = TaskDocument("p", str(self.root), node, "b3:0", "r", artifacts, {}, str(work), str(work / "r.json"))
        return StepContext(
            document, "steps.x", kind, {"outputs": typed, **config}, inputs, self.outputs, self.root, work,
            self.store, self.events.append,
        )  # fmt: skip

    def table(self, name: str) -> dict[str, list[Any]]:
        columns: dict[str, list[Any]] = pq.read_table(self.outputs[name] / "data.parquet").to_pydict()
        return columns


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Steps:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Steps(tmp_path)


def test_a_function_is_given_folders_and_params_by_name(steps: Steps) -> None:
    steps.write("""
        def tidy(flights, out, *, drop: bool, limit=3):
            (out / "seen.txt").write_text(f"{sorted(p.name for p in flights.iterdir())} {drop} {limit}")
    """)
    steps.call("prepare:tidy", {"table": "files"}, {"flights": steps.folder(a__csv="x\n1\n")}, params={"drop": True})
    assert (steps.outputs["table"] / "seen.txt").read_text() == "['a.csv'] True 3"


def test_an_annotation_asks_for_a_table(steps: Steps) -> None:
    steps.write("""
        import pandas as pd
        import pyarrow as pa

        def both(left: pd.DataFrame, right: pa.Table) -> pd.DataFrame:
            return left.assign(right=right.column("x").to_pylist())
    """)
    folders = {"left": steps.folder(a__csv="x\n1\n2\n"), "right": steps.folder(a__csv="x\n3\n4\n")}
    steps.call("prepare:both", {"table": "table"}, folders)
    assert steps.table("table") == {"x": [1, 2], "right": [3, 4]}
    schema = json.loads((steps.outputs["table"] / "schema.json").read_text())
    assert schema == {"columns": {"x": "int64", "right": "int64"}, "rows": 2}


def test_annotations_may_be_strings(steps: Steps) -> None:
    steps.write("""
        from __future__ import annotations
        import pandas as pd

        def double(rows: pd.DataFrame) -> pd.DataFrame:
            return rows * 2
    """)
    steps.call("prepare:double", {"table": "table"}, {"rows": steps.folder(a__csv="x\n1\n")})
    assert steps.table("table") == {"x": [2]}


def test_outputs_may_be_returned_by_name_or_in_order(steps: Steps) -> None:
    steps.write("""
        import pyarrow as pa

        def named():
            return {"b": pa.table({"x": [2]}), "a": pa.table({"x": [1]})}

        def ordered():
            return pa.table({"x": [1]}), pa.table({"x": [2]})
    """)
    for call in ("prepare:named", "prepare:ordered"):
        steps.call(call, {"a": "table", "b": "table"}, {})
        assert (steps.table("a"), steps.table("b")) == ({"x": [1]}, {"x": [2]})


def test_a_path_that_is_returned_is_copied(steps: Steps) -> None:
    steps.write("""
        from pathlib import Path

        def make(given, many_dir):
            (many_dir / "own.txt").write_text("own")
            return {"one": given / "a.txt", "all": given}
    """)
    steps.call("prepare:make", {"one": "files", "all": "files", "many": "files"}, {"given": steps.folder(a__txt="A")})
    assert (steps.outputs["one"] / "a.txt").read_text() == "A"
    assert (steps.outputs["all"] / "a.txt").read_text() == "A"
    assert (steps.outputs["many"] / "own.txt").read_text() == "own"


def test_numbers_returned_for_a_metrics_output_are_metrics(steps: Steps) -> None:
    steps.write("def score():\n    return {'rmse': 0.5, 'bad': float('nan'), 'name': 'x'}\n")
    assert steps.call("prepare:score", {"scores": "metrics"}, {}).metrics == {"rmse": 0.5}
    assert json.loads((steps.outputs["scores"] / "metrics.json").read_text()) == {"metrics": {"rmse": 0.5}}


def test_the_seed_is_set_and_given(steps: Steps) -> None:
    steps.write("""
        import random
        import numpy as np

        def roll(out, seed):
            (out / "x").write_text(f"{seed} {random.random()} {np.random.rand()}")
    """)
    rolls = []
    for seed in (7, 7, 8):
        steps.call("prepare:roll", {"out": "files"}, {}, params={"seed": seed})
        rolls.append((steps.outputs["out"] / "x").read_text())
    assert rolls[0] == rolls[1] != rolls[2]


MISTAKES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("def tidy(flihgts, out): ...", "prepare:tidy", "did you mean `flihgts`", {}),
    ("def tidy(flights, missing, out): ...", "prepare:tidy", "needs `missing`", {}),
    ("def other(flights): ...", "prepare:tidy", "it has: other", {}),
    ("import nothing_like_it", "prepare:tidy", "nothing_like_it", {}),
    ("def tidy(flights): return 3", "prepare:tidy", "returned int", {}),
    ("def tidy(flights): pass", "prepare:tidy", "left its output `table` empty", {}),
    ("def tidy(flights): return 'nowhere/at/all'", "prepare:tidy", "nothing is there", {}),
    ("def tidy(flights):\n    import sys; sys.exit(3)", "prepare:tidy", "sys.exit(3)", {}),
    ("", "absent:tidy", "no module `absent`", {}),
    ("def tidy(flights, out): ...", "prepare:tidy", "no parameter `speed`", {"params": {"speed": 1}}),
]


@pytest.mark.parametrize(("code", "call", "says", "config"), MISTAKES, ids=[m[2] for m in MISTAKES])
def test_mistakes_in_a_function_are_named(
    steps: Steps, code: str, call: str, says: str, config: dict[str, Any]
) -> None:
    steps.write(code)
    with pytest.raises(ModelyardError) as caught:
        steps.call(call, {"table": "files"}, {"flights": steps.folder(a__csv="x\n1\n")}, **config)
    assert says in str(caught.value)


def test_a_list_of_items_reaches_one_call_each(steps: Steps) -> None:
    steps.write("def year(item, out):\n    (out / 'x').write_text(str(item))\n")
    steps.call("prepare:year", {"out": "files"}, {}, item=2013)
    assert (steps.outputs["out"] / "x").read_text() == "2013"


def test_parts_are_joined_in_their_order(steps: Steps) -> None:
    steps.write("""
        from pathlib import Path

        def concat(parts: list[Path], out):
            (out / "x").write_text(" ".join((part / "x").read_text() for part in parts))
    """)
    inputs = {f"part_{number}": steps.folder(x=str(number)) for number in range(11)}
    steps.call("prepare:concat", {"out": "files"}, inputs, join=True, parts=[f"i{n}" for n in range(11)])
    assert (steps.outputs["out"] / "x").read_text() == "0 1 2 3 4 5 6 7 8 9 10"


def test_parts_without_a_join_lie_side_by_side_or_end_to_end(steps: Steps) -> None:
    inputs = {"part_0": steps.folder(a__csv="x\n1\n"), "part_1": steps.folder(a__csv="x\n2\n")}
    steps.call(None, {"out": "files"}, inputs, join=True, parts=["2012", "2013"])  # type: ignore[arg-type]
    assert (steps.outputs["out"] / "2013" / "a.csv").read_text() == "x\n2\n"
    steps.call(None, {"out": "table"}, inputs, join=True, parts=["2012", "2013"])  # type: ignore[arg-type]
    assert steps.table("out") == {"x": [1, 2]}


def test_files_of_an_input_are_run_for_once_each(steps: Steps) -> None:
    steps.write("""
        import pandas as pd

        def tidy(flights: pd.DataFrame, scale: int, item) -> pd.DataFrame:
            with open("calls.txt", "a") as log:
                log.write(item.name + "\\n")
            return flights * scale

        def concat(parts: list[pd.DataFrame]) -> pd.DataFrame:
            return pd.concat(parts)
    """)
    each = {"foreach": {"input": "flights"}, "join": "prepare:concat", "params": {"scale": 10}}
    calls = Path("calls.txt")
    calls.unlink(missing_ok=True)
    try:
        steps.call("prepare:tidy", {"t": "table"}, {"flights": steps.folder(a__csv="x\n1\n", b__csv="x\n2\n")}, **each)
        assert steps.table("t") == {"x": [10, 20]}
        more = steps.folder(a__csv="x\n1\n", b__csv="x\n3\n", c__csv="x\n4\n")
        result = steps.call("prepare:tidy", {"t": "table"}, {"flights": more}, **each)
        assert steps.table("t") == {"x": [10, 30, 40]}
        assert calls.read_text().split() == ["a.csv", "b.csv", "b.csv", "c.csv"]
        assert result.summary == "3 items, 1 of them from earlier runs"
    finally:
        calls.unlink(missing_ok=True)


def test_a_command_is_run_for_each_file(steps: Steps) -> None:
    folder = steps.folder(a__txt="A", b__txt="B")
    steps.run(["cp", "${item}", "${outputs.o}/copy"], {"o": "files"}, {"i": folder}, foreach={"input": "i"})
    assert (steps.outputs["o"] / "b.txt" / "copy").read_text() == "B"


def test_a_csv_of_a_command_becomes_the_table(steps: Steps) -> None:
    steps.run(
        ["cp", "${inputs.i}/a.csv", "${outputs.t}/rows.csv"], {"t": "table"}, {"i": steps.folder(a__csv="x\n1\n")}
    )
    assert steps.table("t") == {"x": [1]}
    assert sorted(path.name for path in steps.outputs["t"].iterdir()) == ["data.parquet", "schema.json"]


def test_a_table_output_without_a_table_is_named(steps: Steps) -> None:
    with pytest.raises(ModelyardError, match=r"no table in its output `t`: it holds notes\.txt"):
        steps.run(["touch", "${outputs.t}/notes.txt"], {"t": "table"}, {})


@pytest.mark.parametrize(
    ("value", "shown"), [(3, "3"), (0.5, "0.5"), (True, "true"), ([1, "a"], '[1, "a"]'), ({"a": None}, '{"a": null}')]
)
def test_params_are_written_as_json_writes_them(steps: Steps, value: object, shown: str) -> None:
    script = "import sys, pathlib; pathlib.Path(sys.argv[1], 'x').write_text(sys.argv[2])"
    steps.run([sys.executable, "-c", script, "${outputs.o}", "${params.p}"], {"o": "files"}, {}, params={"p": value})
    assert (steps.outputs["o"] / "x").read_text() == shown


def test_no_shell_sees_a_command(steps: Steps) -> None:
    steps.run(["touch", "${outputs.o}/a b;$(id)"], {"o": "files"}, {})
    assert [path.name for path in steps.outputs["o"].iterdir()] == ["a b;$(id)"]


def test_a_reference_to_nothing_is_named(steps: Steps) -> None:
    with pytest.raises(ModelyardError, match=r"did you mean ..params\.epochs") as caught:
        steps.run(["echo", "${params.epohcs}"], {"o": "files"}, {}, params={"epochs": 1})
    assert "${params.epohcs} names nothing" in str(caught.value)
