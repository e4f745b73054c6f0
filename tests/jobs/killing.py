"""A campaign of kills: `killing.py FOLDER KILLS SEED` prints what it counted as JSON.

Each round forks a process that runs the small job and is killed after a random time. Afterwards the run is the old one,
the new one or not there yet, and `latest` points to a whole one; a run that ends has the bytes of one never disturbed.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from finnet.jobs.artifacts import environment
from finnet.jobs.checkpoints import unfinished
from finnet.jobs.folders import mark, restore_runs
from finnet.sums import SUMS, TIMINGS, check_files, sums
from tests.jobs.small import JOB, lasting, run_small, without_drawings


def forked(act):
    """Process number of a child that acts and ends. The parent stays clear of threads, which a fork does not copy."""
    child = os.fork()
    if not child:
        try:
            act()
        finally:
            os._exit(0)
    return child


def make_old(job, run, new):
    """A complete run that differs from the one to come."""
    files = {name: content for name, content in new.items() if name != SUMS} | {"report.html": b"old"}
    files[SUMS] = sums({name: content for name, content in files.items() if name != TIMINGS})
    mark(job)
    for name, content in files.items():
        (job / run / name).parent.mkdir(parents=True, exist_ok=True)
        (job / run / name).write_bytes(content)
    (job / "latest").symlink_to(run)
    return files


def main(folder, kills, seed):
    rng, counts = random.Random(seed), {"kills": 0, "old": 0, "new": 0, "none yet": 0, "continued": 0}
    without_drawings()
    environment()  # remembered by every child, so that modules edited meanwhile change no manifest
    began = time.monotonic()
    os.waitpid(forked(lambda: run_small(folder / "reference")), 0)
    longest = 1.2 * (time.monotonic() - began)
    job = folder / "reports" / JOB.name
    (reference,) = (folder / "reference" / JOB.name).glob("2*")
    new, old, kept = lasting(reference), None, 0
    while counts["kills"] < kills:
        child = forked(lambda: run_small(job.parent))
        time.sleep(rng.uniform(0, longest))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        counts["kills"] += 1
        restore_runs(job)
        now = lasting(job / reference.name) if (job / reference.name).exists() else None
        assert now in (None, old, new), [name for name in new if now.get(name) != new[name]]
        assert now is not None or old is None, "the old run is gone"
        counts["none yet" if now is None else "new" if now == new else "old"] += 1
        if (job / "latest").is_symlink():
            check_files(job / "latest")
        # Kept near what a run takes, however busy the machine is, so that kills fall on every part of it.
        longest *= 0.9 if now == new else 1.05
        if now == new:
            counts["continued"] += kept > 0
            shutil.rmtree(job.parent)
            old, kept = make_old(job, reference.name, new) if rng.random() < 0.5 else None, 0
        else:
            kept = sum(unfinished(job).values())
    print(json.dumps(counts))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
