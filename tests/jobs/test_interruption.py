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
from functools import partial
from pathlib import Path

import pytest
from joblib.externals.loky import reusable_executor

from finnet.errors import InterruptedRunError
from finnet.evaluation import walk_forward
from finnet.evaluation.walk_forward import _fit_and_forecast as fit_and_forecast
from finnet.jobs import interruption, runner
from finnet.jobs.checkpoints import unfinished
from finnet.jobs.interruption import resumable, time_limit
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


def fit_when_told(told, work):
    """Fit as a worker does, all but the naive forecast only once there is a file `told`."""
    while work.model != "prior_rate" and not told.exists():
        time.sleep(0.01)
    return fit_and_forecast(work)


def kill_a_worker():
    os.kill(next(iter(reusable_executor._executor._processes)), signal.SIGKILL)


def test_a_killed_worker_is_named_and_the_run_continues(tmp_path, quick, monkeypatch):
    naive_first = JOB.model_copy(update={"models": ("prior_rate", "network", "logistic")})
    # The others wait for what never comes, so that none ends before the death of the worker is noticed.
    monkeypatch.setattr(walk_forward, "_fit_and_forecast", partial(fit_when_told, tmp_path / "told"))
    with pytest.raises(InterruptedRunError, match="a worker process was killed, perhaps for want of memory"):
        run_job(naive_first, reports=tmp_path, n_jobs=2, on_progress=stop_after(1, kill_a_worker))
    assert list(unfinished(tmp_path / JOB.name).values()) == [1]
    (tmp_path / "told").touch()
    heard = []
    run_job(naive_first, reports=tmp_path, on_progress=lambda step, done, total: heard.append((done, total)))
    assert heard == [(done, 7) for done in range(2, 8)]


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


def ignoring(act):
    """Act as a callback of Python's does when a thing goes, where whatever is raised is ignored."""
    thing = Thing()
    kept = weakref.ref(thing, lambda gone: act())
    del thing
    return kept


def let_go(act):
    """Act where errors are ignored, then wait for what shall stop it."""
    ignoring(act)
    for _ in range(6000):
        time.sleep(0.01)


SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@SIGNALS
def test_a_signal_that_comes_where_python_ignores_errors_stops_all_the_same(number):
    with pytest.raises(InterruptedRunError, match="interrupted"), resumable():
        let_go(lambda: signal.raise_signal(number))


@SIGNALS
def test_a_signal_that_comes_again_before_the_ignored_one_is_dealt_with_stops_all_the_same(number, monkeypatch):
    class AtOnce(threading.Timer):
        """As on a busy machine: the first ones are sent before whoever started them goes on."""

        left = 3

        def start(self):
            super().start()
            AtOnce.left -= 1
            if AtOnce.left >= 0:
                self.join()

    monkeypatch.setattr(interruption, "Timer", AtOnce)
    with pytest.raises(InterruptedRunError, match="interrupted"), resumable():
        let_go(lambda: signal.raise_signal(number))
    assert AtOnce.left <= 0


@pytest.fixture
def afterwards():
    """What whoever handles signals outside of a block has heard."""
    heard = []
    before = {number: signal.signal(number, lambda *got: heard.append(got[0])) for number in (2, 15)}
    yield heard
    for number, handler in before.items():
        signal.signal(number, handler)


@SIGNALS
def test_a_block_that_ends_before_an_ignored_signal_comes_again_is_stopped_and_nobody_else(number, afterwards):
    with pytest.raises(InterruptedRunError, match="interrupted"), resumable():
        ignoring(lambda: signal.raise_signal(number))
    time.sleep(3 * interruption._AGAIN_AFTER)
    assert afterwards == []
    signal.raise_signal(number)
    assert afterwards == [number]


@SIGNALS
def test_a_signal_that_comes_while_a_block_ends_stops_it_once_all_is_put_back(number, afterwards, monkeypatch):
    put_back, hook = signal.signal, sys.unraisablehook

    def slowly(own, handler):
        if own == signal.SIGINT and not isinstance(handler, partial):
            signal.raise_signal(number)
        return put_back(own, handler)

    with pytest.raises(InterruptedRunError, match="interrupted"), resumable():
        monkeypatch.setattr(signal, "signal", slowly)
    assert sys.unraisablehook is hook
    assert afterwards == []
    signal.raise_signal(number)
    assert afterwards == [number]


def test_an_error_stays_what_it_is_where_no_signal_came(afterwards):
    with pytest.raises(ZeroDivisionError), resumable():
        raise ZeroDivisionError
    assert afterwards == []


def test_a_time_that_is_up_where_python_ignores_errors_stops_all_the_same():
    with pytest.raises(InterruptedRunError, match=r"stopped after 0\.05 seconds"), resumable(), time_limit(0.05):
        let_go(lambda: time.sleep(0.2))


def test_other_errors_that_python_ignores_are_told_as_before(monkeypatch):
    heard = []
    monkeypatch.setattr(sys, "unraisablehook", lambda ignored: heard.append(ignored.exc_type))
    with resumable():
        assert ignoring(lambda: 1 / 0)() is None
    assert heard == [ZeroDivisionError]
