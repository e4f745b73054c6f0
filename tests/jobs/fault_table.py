"""The table of faults: attacks on runs, outputs and folders, with how many were tried and how many got through.

`python -m tests.jobs.fault_table` writes reports/benchmarks/faults.md; with --short it tries fewer and writes no file.
"""

import argparse
import random
import sys
import tempfile
import time
import warnings
from pathlib import Path

from tests.jobs.attacks import ATTACKS, Bench
from tests.jobs.small import run_small, without_drawings
from tests.markdown import markdown_table

REPORT = Path(__file__).parents[2] / "reports" / "benchmarks" / "faults.md"


def counted(attack, bench):
    """Tries and failures of an attack; an error that is not expected ends it, as one more failure."""
    tries = failures = 0
    try:
        for holds in attack(bench):
            tries, failures = tries + 1, failures + (not holds)
    except Exception as error:
        print(f"{attack.__name__}: {error!r}", file=sys.stderr)
        tries, failures = tries + 1, failures + 1
    return tries, failures


def rows(*, is_long, only):
    """One row per attack: its words, tries and failures."""
    with tempfile.TemporaryDirectory() as folder:
        run = run_small(Path(folder) / "made")
        for number, (words, attack) in enumerate(ATTACKS.items(), 1):
            if only and number not in only:
                continue
            place = Path(folder) / str(number)
            place.mkdir()
            yield number, words, *counted(attack, Bench(folder=place, rng=random.Random(number), run=run, long=is_long))


def report(found):
    """The page."""
    table = markdown_table(
        ["", "what must hold", "tries", "failures"], [(*row[:2], f"{row[2]:,}", row[3]) for row in found]
    )
    return f"""# Faults

Made by `python -m tests.jobs.fault_table` (`make tables`); its short form is part of `make test`. Each try attacks a
run, an output or a folder (flipped bits, kills at random moments, writers at once, links, bombs, odd values, signals),
and fails where something is not as it must be: a wrong byte, a foreign file touched, a process left, a traceback.

{table}

{sum(row[2] for row in found):,} tries, {sum(row[3] for row in found):,} failures.
"""


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="fewer tries; writes no file")
    parser.add_argument("--only", type=int, nargs="*", default=[], help="numbers of rows; writes no file")
    asked = parser.parse_args(arguments)
    without_drawings()
    warnings.simplefilter("ignore")
    began, found = time.monotonic(), []
    for row in rows(is_long=not asked.short, only=asked.only):
        print(*row, f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        found.append(row)
    text = report(found)
    print(text)
    if not asked.short and not asked.only:
        REPORT.write_text(text, encoding="utf-8")
    return 1 if sum(row[3] for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
