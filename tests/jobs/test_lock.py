"""One process at a time runs a job, and no crash locks it for good."""

import os
import signal
import subprocess
import sys

import pytest

from finnet.errors import ConfigError
from finnet.jobs.lock import only_run

HOLD = """import sys, time
from pathlib import Path
from finnet.jobs.lock import only_run
with only_run(Path(sys.argv[1])):
    print('held', flush=True)
    time.sleep(60)
"""


def test_a_held_job_is_refused_with_the_process_that_holds_it(tmp_path):
    with only_run(tmp_path), pytest.raises(ConfigError, match=f"process {os.getpid()} is running this job"):
        only_run(tmp_path).__enter__()


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ConfigError, match=f"process {holder.pid}"):
            only_run(tmp_path).__enter__()
        holder.send_signal(signal.SIGKILL)
    with only_run(tmp_path):
        assert (tmp_path / ".lock").exists()


def test_nothing_is_left_behind(tmp_path):
    with only_run(tmp_path / "reports" / "job"):
        pass
    assert not list(tmp_path.iterdir())
