"""Workers end with the process that started them, also where it is killed before they have begun."""

import os
import signal
import subprocess
import sys

import pytest

from finnet.workers import ending_with_me

WORK = """import time
from joblib import Parallel, delayed
from finnet.workers import ending_with_me, start_tracker
start_tracker()
print("started", flush=True)
Parallel(n_jobs=2, initializer=ending_with_me())(delayed(time.sleep)(600) for _ in range(2))
"""


@pytest.mark.parametrize("seconds", [0.3, 3.0])
def test_no_worker_outlives_a_killed_starter(seconds):
    with subprocess.Popen([sys.executable, "-c", WORK], stdout=subprocess.PIPE, start_new_session=True) as starter:
        assert starter.stdout.readline() == b"started\n"
        with pytest.raises(subprocess.TimeoutExpired):
            starter.wait(seconds)
        os.kill(starter.pid, signal.SIGKILL)
        starter.communicate(timeout=60)  # the pipe ends when the last worker has


def test_workers_of_one_process_are_begun_alike_so_that_they_can_be_used_again():
    assert ending_with_me() is ending_with_me()
