"""A run that is stopped anywhere leaves the old or the new, and goes on where it stopped."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest
from joblib.externals.loky import reusable_executor

from finnet.errors import InterruptedRunError
from finnet.jobs import runner
from finnet.jobs.checkpoints import unfinished
from finnet.jobs.config import Tune
from finnet.jobs.interruption import resumable, time_limit
from finnet.jobs.network_settings import NetworkSettings
from finnet.jobs.runner import run_job
from finnet.sums import check_files
from tests.jobs.small import JOB, lasting, run_small


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "render_page", lambda parts: "page")
        return run_small(tmp_path_factory.mktemp("reference"))


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(runner, "render_page", lambda parts: "page")


def stop_after(fits, act):
    def hear(step, done, total):
        if done == fits:
            act()

    return hear


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_stopped_run_continues_and_ends_byte_equal(number, reference, tmp_path, quick):
    with pytest.raises(InterruptedRunError, match="to continue, run the same command again"):
        run_small(tmp_path, on_progress=stop_after(4, lambda: os.kill(os.getpid(), number)))
    assert unfinished(tmp_path / JOB.name) == {reference.name: 4}
    heard = []
    folder = run_small(tmp_path, on_progress=lambda step, done, total: heard.append(done))
    assert heard == list(range(5, 5 + len(heard)))
    assert lasting(folder) == lasting(reference)
    assert unfinished(tmp_path / JOB.name) == {}


# No fit but the naive ones ends before the death of a worker is noticed.
SLOW = JOB.model_copy(
    update={"tune": Tune(trials=12), "network": NetworkSettings(hidden=(64,), epochs=150, patience=150)}
)


def kill_a_worker():
    os.kill(next(iter(reusable_executor._executor._processes)), signal.SIGKILL)


def test_a_killed_worker_is_named_and_the_run_continues(tmp_path, quick):
    with pytest.raises(InterruptedRunError, match="a worker process was killed, perhaps for want of memory"):
        run_job(SLOW, reports=tmp_path, n_jobs=2, on_progress=stop_after(1, kill_a_worker))
    assert sum(unfinished(tmp_path / JOB.name).values()) >= 1
    heard = []
    run_job(SLOW, reports=tmp_path, on_progress=lambda step, done, total: heard.append((done, total)))
    assert 1 < heard[0][0] < heard[-1][0] == heard[-1][1]


def test_a_thread_other_than_the_main_one_may_run_too():
    failed = []

    def act():
        try:
            with resumable():
                pass
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()
    assert not failed


def fail_at(numbers, code, reference, folder, faults):
    """Runs in which one change of the disk failed; each leaves nothing or the whole run, and can be continued."""
    failures, place = 0, folder / JOB.name / reference.name
    for number in numbers:
        if not faults(number, code, lambda: run_small(folder)):
            break
        failures += 1
        assert not place.exists() or lasting(place) == lasting(reference)
        if (folder / JOB.name / "latest").is_symlink():
            check_files(folder / JOB.name / "latest")
    assert lasting(run_small(folder)) == lasting(reference)
    return failures


def test_a_full_disk_leaves_a_run_that_continues(reference, tmp_path, quick, faults):
    # Units kept by one attempt are not written by the next, so each attempt fails further on.
    assert fail_at([3, 9, 20, 41], errno.ENOSPC, reference, tmp_path, faults) >= 3


@pytest.mark.full
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
def test_a_disk_that_fails_at_every_change_in_turn(code, reference, tmp_path, quick, faults, capsys):
    count = sum(fail_at([n], code, reference, tmp_path / str(n), faults) for n in range(120))
    with capsys.disabled():
        print(f"\n{errno.errorcode[code]}: {count} changes of the disk made to fail, 0 half runs")
    assert count > 50


def kill(folder, kills):
    words = [sys.executable, "-m", "tests.jobs.killing", str(folder), str(kills), "1"]
    done = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_kills_leave_the_old_or_the_new(tmp_path):
    assert kill(tmp_path, 6)["kills"] == 6


@pytest.mark.full
def test_two_hundred_kills_leave_the_old_or_the_new(tmp_path, capsys):
    counts = kill(tmp_path, 200)
    with capsys.disabled():
        print(f"\nSIGKILL: {counts}, 0 half runs")
    assert counts["continued"] > 5


class Thing:
    """Anything that a weak reference can point to."""


def let_go(callback):
    """Call `callback` as Python does when a thing goes, where whatever it raises is ignored; then wait."""
    thing = Thing()
    kept = weakref.ref(thing, lambda gone: callback())
    del thing
    for _ in range(500):
        time.sleep(0.01)
    return kept


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_where_python_ignores_errors_stops_all_the_same(number):
    with pytest.raises(InterruptedRunError, match="interrupted"), resumable():
        let_go(lambda: signal.raise_signal(number))


def test_a_time_that_is_up_where_python_ignores_errors_stops_all_the_same():
    with pytest.raises(InterruptedRunError, match=r"stopped after 0\.05 seconds"), resumable(), time_limit(0.05):
        let_go(lambda: time.sleep(0.2))


def test_other_errors_that_python_ignores_are_told_as_before(monkeypatch):
    heard = []
    monkeypatch.setattr(sys, "unraisablehook", lambda ignored: heard.append(ignored.exc_type))
    with resumable():
        thing = Thing()
        kept = weakref.ref(thing, lambda gone: 1 / 0)
        del thing
    assert kept() is None
    assert heard == [ZeroDivisionError]
