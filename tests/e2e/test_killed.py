"""kill -9 of the command line, between steps and within one: nothing that finished runs again, nothing stays behind."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e_project import Project, below

from watching import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

STEPS = "abcde"
PROGRAM = """
import os, sys, time
from pathlib import Path

name, out, count, hold = sys.argv[1:]
with open(count, "a") as runs:
    print(name, file=runs)
while Path(hold).exists() and Path(hold).read_text() == name:
    time.sleep(0.02)
Path(out, "x").write_text(name)
"""


class Chain:
    """Steps a to e, each after the one before; each run is a line of a file outside of the project."""

    def __init__(self, project: Project, outside: Path) -> None:
        self.project = project
        self.count = outside / "count"
        self.hold = outside / "hold"

    def runs(self) -> str:
        return "".join(self.count.read_text().split()) if self.count.exists() else ""

    def hold_in(self, step: str) -> None:
        """That step, once begun, goes on only when `let_go` is called."""
        self.hold.write_text(step)

    def let_go(self) -> None:
        self.hold.unlink(missing_ok=True)

    def records(self) -> str:
        """The steps whose results are written down."""
        database = self.project.root / ".modelyard" / "state.db"
        if not database.exists():
            return ""
        try:
            with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as state:
                rows = state.execute("SELECT address FROM modelyard_applied ORDER BY address").fetchall()
        except sqlite3.OperationalError:  # not made yet
            return ""
        return "".join(address.removeprefix("steps.") for (address,) in rows)

    def kill(self, when: Callable[[], bool], *, may_end: bool = False) -> None:
        """Begin an apply, and kill -9 the command line once that holds; after its last step it may end before."""
        with self.project.start("apply", "--auto-approve") as apply:
            eventually(when)
            os.kill(apply.pid, signal.SIGKILL)
            apply.communicate()
        assert apply.returncode == -signal.SIGKILL or (may_end and apply.returncode == 0)
        eventually(lambda: not below(self.project.root))


@pytest.fixture
def chain(write: Callable[..., Project], tmp_path: Path) -> Iterator[Chain]:
    lines = []
    count, hold = tmp_path / "count", tmp_path / "hold"
    for before, name in zip(" " + STEPS, STEPS, strict=False):
        inputs = f"inputs: {{i: 'steps.{before}:o'}}, " if before.strip() else ""
        run = f"run: 'python step.py {name} ${{outputs.o}} {count} {hold}'"
        lines.append(f"  {name}: {{{run}, {inputs}outputs: {{o: {{type: files}}}}}}\n")
    made = Chain(write("steps:\n" + "".join(lines), step__py=PROGRAM), tmp_path)
    yield made
    made.let_go()


@pytest.mark.parametrize("begun", STEPS)
def test_killed_in_a_step_the_finished_ones_stay_finished(chain: Chain, begun: str) -> None:
    done = STEPS[: STEPS.index(begun)]
    chain.hold_in(begun)
    chain.kill(lambda: chain.runs() == done + begun)
    chain.let_go()
    assert chain.records() == done
    chain.project.apply()
    assert chain.runs() == done + begun + STEPS[len(done) :]
    assert chain.project.actions() == {}


@pytest.mark.parametrize("finished", STEPS)
def test_killed_right_after_a_step_it_never_runs_again(chain: Chain, finished: str) -> None:
    """The next step may have begun; what is written down as done is run once."""
    chain.kill(lambda: finished in chain.records(), may_end=finished == STEPS[-1])
    done = chain.records()
    chain.project.apply()
    assert chain.runs().startswith(STEPS[: len(done)])
    assert all(chain.runs().count(step) == 1 for step in done)
    assert all(chain.runs().count(step) in (1, 2) for step in STEPS)
    assert chain.project.actions() == {}


@pytest.mark.parametrize("at", ["result", "lock", "run"])
def test_killed_where_it_writes(chain: Chain, at: str) -> None:
    """Before the first step has begun, while its run is written down, and once its result is in the store."""
    modelyard = chain.project.root / ".modelyard"
    seen: dict[str, Callable[[], bool]] = {
        "lock": (modelyard / "state.db").exists,
        "run": lambda: any((modelyard / "logs").glob("*.log")),
        "result": lambda: any((modelyard / "store" / "results").rglob("*")),
    }
    chain.kill(seen[at])
    chain.project.apply()
    assert chain.runs().count("a") == 1 or at != "result"
    assert chain.project.actions() == {}
    assert {row["status"] for row in chain.project.json("runs")} <= {"ok", "interrupted"}


def test_killed_again_and_again_it_gets_there(chain: Chain) -> None:
    for step in STEPS:
        chain.hold_in(step)
        chain.kill(lambda step=step: chain.runs().endswith(step))  # type: ignore[misc]
        chain.let_go()
        chain.hold.write_text("")
    chain.let_go()
    chain.project.apply()
    assert chain.runs() == "aabbccddee"
    assert chain.project.actions() == {}


def test_what_a_killed_apply_left_is_said(chain: Chain) -> None:
    chain.hold_in("b")
    chain.kill(lambda: chain.runs() == "ab")
    chain.let_go()
    statuses = {run["address"]: run["status"] for run in chain.project.json("runs")}
    assert statuses["steps.a"] == "ok"
    assert statuses["steps.b"] in ("running", "interrupted")
    assert chain.project.actions() == {f"steps.{step}": "create" for step in "bcde"}


def test_a_half_written_output_is_never_seen(chain: Chain) -> None:
    """Its step writes, is killed, and is run afresh in an empty folder."""
    (chain.project.root / "step.py").write_text(PROGRAM.replace(
        "while Path", "assert not os.listdir(out)\nPath(out, 'half').write_text('half')\nwhile Path", 1
    ))  # fmt: skip
    chain.hold_in("a")
    chain.kill(lambda: chain.runs() == "a")
    chain.let_go()
    chain.project.apply()
    assert chain.project.actions() == {}
