"""How long finnet takes to start, beside the packages that it stands on, in processes of their own.

python tests/benchmarks/bench_startup.py           # nine rounds; writes the stored table
python tests/benchmarks/bench_startup.py --short   # one round; only prints
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

REPORT = Path(__file__).parents[2] / "reports" / "benchmarks" / "startup.md"

COMMANDS = {
    "python alone": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import pandas": ["-c", "import pandas"],
    "import sklearn.ensemble": ["-c", "import sklearn.ensemble"],
    "import finnet": ["-c", "import finnet"],
    "import finnet.cli": ["-c", "import finnet.cli"],
    "finnet --help": ["-m", "finnet", "--help"],
    "finnet --version": ["-m", "finnet", "--version"],
}

HEAD = """# Start-up

Wall seconds of {rounds} rounds, each command once a round in a process of its own; the ratio is that of the medians.
Made by `python tests/benchmarks/bench_startup.py`.

| command | least | median | / import pandas |
|---|---|---|---|"""


def seconds(arguments: list[str]) -> float:
    """Wall seconds of Python with these arguments."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="one round; only prints")
    is_short = parser.parse_args(arguments).short
    rounds = 1 if is_short else 9
    # In turn, so that a busy moment of the machine meets all of them alike.
    taken = np.array([[seconds(command) for command in COMMANDS.values()] for _ in range(rounds)])
    medians = dict(zip(COMMANDS, np.median(taken, axis=0), strict=True))
    lines = [HEAD.format(rounds=rounds)]
    for name, least in zip(COMMANDS, taken.min(axis=0), strict=True):
        lines.append(f"| {name} | {least:.2f} | {medians[name]:.2f} | {medians[name] / medians['import pandas']:.2f} |")
    print("\n".join(lines))
    if not is_short:
        REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
