"""What the benchmarks share: interleaved timing, tables that hold figures against targets, and where they are kept."""

import argparse
import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from peers import SIZES, Size, is_installed
from threadpoolctl import threadpool_limits

REPORTS = Path(__file__).parents[2] / "reports" / "benchmarks"
Times = Mapping[str, np.ndarray]  # per contestant, one number per round


@dataclass(frozen=True)
class Options:
    """What the command line asks for; `quick` runs a few steps without PyTorch and JAX, to see that all still works."""

    sizes: dict[str, Size]
    repeats: int
    quick: bool
    is_full: bool

    def has(self, peer: str) -> bool:
        return not self.quick and is_installed(peer)

    @property
    def cores(self) -> int:
        return 1 if self.quick else 2


def options(description: str | None, arguments: Sequence[str] | None, *, repeats: int) -> Options:
    """The command line read; by default all sizes and `repeats` rounds."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--repeats", type=int, default=repeats, help="rounds, after one that warms up")
    parser.add_argument("--quick", action="store_true", help="tiny, a few steps, one round, no optional peer")
    asked = parser.parse_args(arguments)
    if asked.quick:
        return Options({"tiny": replace(SIZES["tiny"], steps=4, networks=2)}, 1, quick=True, is_full=False)
    is_full = set(asked.sizes) == set(SIZES) and asked.repeats >= repeats
    return Options({name: SIZES[name] for name in SIZES if name in asked.sizes}, asked.repeats, False, is_full)


def one_blas_thread() -> threadpool_limits:
    """One thread for everybody, whatever the environment said when NumPy was loaded."""
    return threadpool_limits(limits=1, user_api="blas")


def interleaved(
    runs: Mapping[str, Callable[[], object]], *, rounds: int, clock: Callable[[], float] = time.process_time
) -> dict[str, np.ndarray]:
    """Seconds of every run in every round; runs take turns, and a first round warms up and is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    with one_blas_thread():
        for _ in range(rounds + 1):
            for name, run in runs.items():
                gc.collect()  # or a contestant pays for what the one before it left
                start = clock()
                run()
                seconds[name].append(clock() - start)
    return {name: np.array(values[1:]) for name, values in seconds.items()}


@contextmanager
def one_core() -> Iterator[None]:
    """On one core alone, where the system can do that, so that threads of a peer cost what they work."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@dataclass(frozen=True)
class Figure:
    """One row of a table: what is computed from the times of a size, and what it should be, size by size."""

    label: str
    value: Callable[[Times], Any]
    targets: Mapping[str, float] = field(default_factory=dict)
    digits: int = 2
    at_most: bool = False

    def cell(self, size: str, times: Times) -> str:
        """The median over rounds beside its target; a dash where a contestant was absent."""
        try:
            value = round(float(np.median(self.value(times))), self.digits)
        except KeyError:
            return "-"
        if size not in self.targets:
            return f"{value:,.{self.digits}f}"
        target = self.targets[size]
        is_met = value <= target if self.at_most else value >= target
        return (
            f"{value:,.{self.digits}f} ({'<=' if self.at_most else '>='} {target:g}, {'met' if is_met else 'missed'})"
        )


def ratio(label: str, slow: str, fast: str, targets: Mapping[str, float] | None = None) -> Figure:
    """How many times longer `slow` takes than `fast`, round by round."""
    return Figure(label, lambda times: times[slow] / times[fast], targets or {})


def by_size(*targets: float) -> dict[str, float]:
    """Targets from tiny upwards."""
    return dict(zip(SIZES, targets, strict=False))


def table(figures: Sequence[Figure], results: Mapping[str, Times]) -> str:
    """Markdown, a column per size; rows of which nothing was measured are left out."""
    lines = ["| | " + " | ".join(results) + " |", "|---" + "|---:" * len(results) + "|"]
    for figure in figures:
        cells = [figure.cell(size, times) for size, times in results.items()]
        if set(cells) != {"-"}:
            lines.append(f"| {figure.label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def sizes_in_words() -> str:
    return "\n".join(f"- {name}: {size}" for name, size in SIZES.items())


def versions(*packages: str) -> str:
    return ", ".join(f"{package} {version(package)}" for package in ("numpy", "scikit-learn", *packages))


def publish(name: str, text: str, asked: Options, *, peers: Sequence[str] = ()) -> None:
    """Print, and keep under reports/ where everything was measured beside all peers."""
    print(text)
    absent = [peer for peer in peers if not asked.has(peer)]
    if asked.is_full and not absent:
        REPORTS.mkdir(parents=True, exist_ok=True)
        (REPORTS / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    else:
        print(f"\nNot kept in {name}.md: that takes all sizes, all rounds and {', '.join(['finnet', *peers])}.")
