"""No attack on runs, outputs and folders gets through."""

import re
import subprocess
import sys
from pathlib import Path

from tests.jobs.attacks import ATTACKS


def test_the_short_table_of_faults_counts_none():
    # A process of its own, as it forks.
    words = [sys.executable, "-m", "tests.jobs.fault_table", "--short"]
    done = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts = re.findall(r"\| ([\d,]+) \| (\d+) \|$", done.stdout, re.MULTILINE)
    assert len(counts) == len(ATTACKS)
    assert all(failures == "0" and tries != "0" for tries, failures in counts)
