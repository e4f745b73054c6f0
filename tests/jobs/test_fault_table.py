"""No attack on runs, outputs and folders gets through."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs.attacks import ATTACKS

NUMBERS = range(1, len(ATTACKS) + 1)


@pytest.mark.parametrize("numbers", [NUMBERS[::2], NUMBERS[1::2]], ids=["odd rows", "even rows"])
def test_the_short_table_of_faults_counts_none(numbers):
    # A process of its own, as it forks.
    words = [sys.executable, "-m", "tests.jobs.fault_table", "--short", "--only", *map(str, numbers)]
    done = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts = re.findall(r"\| ([\d,]+) \| (\d+) \|$", done.stdout, re.MULTILINE)
    assert len(counts) == len(numbers)
    assert all(failures == "0" and tries != "0" for tries, failures in counts)
