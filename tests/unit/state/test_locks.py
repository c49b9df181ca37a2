import os
import subprocess
import sys
import threading
import time

import pytest

from modelyard.errors import ModelyardError
from modelyard.state import AppliedRecord, kubernetes, locks
from watching import eventually

HOLD = """
import sys
from pathlib import Path
from folder_objects import open_at
state = open_at(sys.argv[1], Path(sys.argv[2]))
with state.lock("apply of everything"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_holder_is_named_to_whoever_comes_second(state, open_state):
    said = f"pid {os.getpid()}.*for apply"
    with state.lock("apply"), pytest.raises(ModelyardError, match=said) as error, open_state().lock("destroy"):
        pass
    assert error.value.code == "locked"
    assert state.lock_holder() is None
    with open_state().lock("destroy"):
        assert state.lock_holder().reason == "destroy"


def test_whoever_waits_is_told_once_and_gets_it_when_it_is_free(state, open_state):
    told = []
    release = threading.Timer(0.5, lambda: held.__exit__(None, None, None))
    held = state.lock("apply")
    held.__enter__()
    release.start()
    with open_state().lock("destroy", wait=5, on_wait=told.append) as dead:
        assert dead is None
    assert [holder.reason for holder in told] == ["apply"]
    release.join()


def test_environments_have_locks_of_their_own(state, open_state, uri):
    if uri == "kubernetes://":
        pytest.skip("there each environment has a state of its own")
    with state.lock("apply", environment="dev"), open_state().lock("apply", environment="prod"):
        assert state.lock_holder("dev") is not None
        assert state.lock_holder() is None


def test_a_killed_holder_is_taken_over_and_it_is_said(state, uri, tmp_path):
    argv = [sys.executable, "-c", HOLD, uri, str(tmp_path)]
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=found) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ModelyardError, match=f"pid {process.pid}"), state.lock("apply"):
            pass
        process.kill()
    with state.lock("apply") as dead:
        assert (dead.pid, dead.reason) == (process.pid, "apply of everything")
    assert [entry.event for entry in state.journal_entries()] == ["lock-taken-over"]


def test_a_process_id_that_was_given_out_anew_is_not_the_holder(state, open_state, monkeypatch):
    held = state.lock("apply")
    held.__enter__()
    monkeypatch.setattr(locks, "born", lambda pid: time.time() + 100)
    with open_state().lock("destroy") as dead:
        assert dead.reason == "apply"


def test_another_machine_is_believed_until_it_is_silent(state, open_state, monkeypatch):
    with state.lock("apply"):
        monkeypatch.setattr(locks, "hostname", lambda: "elsewhere")
        with pytest.raises(ModelyardError, match="locked"), open_state().lock("destroy"):
            pass
        monkeypatch.setattr(locks, "_SILENT_SECONDS", -1.0)
        monkeypatch.setattr(kubernetes, "LEASE_SECONDS", -1)
        with open_state().lock("destroy") as silent:
            assert silent.reason == "apply"


def test_the_heart_beats_while_the_lock_is_held(state, monkeypatch):
    monkeypatch.setattr(locks, "_BEAT_SECONDS", 0.05)
    with state.lock("apply"):
        eventually(lambda: (holder := state.lock_holder()).age - holder.quiet > 0.2)


def test_who_lost_the_lock_can_record_nothing(state, open_state):
    with state.lock("apply"):
        assert open_state().force_unlock().reason == "apply"
        with pytest.raises(ModelyardError, match="lost the state's lock") as error:
            state.record_applied(None, AppliedRecord("steps.a", "command", "task", "b3:1", {}))
        assert error.value.code == "lock-lost"
    assert state.applied() == {}
    assert open_state().force_unlock() is None


def test_whoever_waits_and_is_cancelled_goes_at_once(state, open_state):
    cancel = threading.Event()
    with state.lock("apply"):
        threading.Timer(0.1, cancel.set).start()
        begun = time.monotonic()
        with pytest.raises(ModelyardError, match="for apply; nothing was done") as error:
            open_state().lock("destroy", wait=30, cancel=cancel).__enter__()
    assert error.value.code == "cancelled"
    assert time.monotonic() - begun < 20
