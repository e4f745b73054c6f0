"""One process at a time runs a job, and no crash locks it for good."""

import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from finnet.errors import ConfigError
from finnet.jobs.lock import only_run

HOST = re.escape(socket.gethostname())
HOLD = """import sys, time
from pathlib import Path
from finnet.jobs.lock import only_run
with only_run(Path(sys.argv[1])):
    print('held', flush=True)
    time.sleep(60)
"""


def test_a_held_job_is_refused_with_the_process_that_holds_it(tmp_path):
    with only_run(tmp_path), pytest.raises(ConfigError, match=f"process {os.getpid()} on {HOST} is running this job"):
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


@pytest.mark.parametrize("make", [os.link, lambda target, path: os.symlink(target, path)], ids=["hard", "soft"])
def test_a_linked_lock_is_refused_and_its_target_stays(make, tmp_path):
    (tmp_path / "target").write_text("theirs")
    make(tmp_path / "target", tmp_path / ".lock")
    with pytest.raises(ConfigError, match="no lock of finnet's"):
        only_run(tmp_path).__enter__()
    assert (tmp_path / "target").read_text() == "theirs"


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: path.write_text("theirs")])
def test_what_is_no_lock_is_refused_and_stays(make, tmp_path):
    make(tmp_path / ".lock")
    with pytest.raises(ConfigError, match="no lock of finnet's"):
        only_run(tmp_path).__enter__()
    assert os.path.lexists(tmp_path / ".lock")
