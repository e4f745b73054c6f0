"""Peak memory of training one network on 200,000 x 100 rows of float32, beside scikit-learn and PyTorch.

    python tests/benchmarks/bench_memory.py                  # all sizes, prints a table and keeps it in reports/
    python tests/benchmarks/bench_memory.py --sizes medium

Every contestant trains one epoch in a process of its own. Counted is what its resident memory rises above that after
imports, data and a fit of a few rows. finnet should need no more than

    the data in float32 + 5 x parameters + one gather chunk + buffers of one batch,

where the data stands already, 5 counts gradients, both moments of Adam and scratch beside the parameters, and a buffer
is a value, a gradient and a mask per row and unit. Linux only: elsewhere a peak cannot be read and nothing is printed.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import measuring
import numpy as np
import peers
from measuring import Figure, Options, Times
from peers import SIZES, Size

STATUS = Path("/proc/self/status")
MIB = 1 << 20
CHUNK_BYTES = 64 * MIB
ROWS, FEATURES = 200_000, 100
FITS: dict[str, Callable[..., object]] = {
    "finnet": lambda size, X, y: peers.network_of(size, epochs=1).fit(X, y),
    "scikit-learn": lambda size, X, y: peers.scikit_learn_fit(size, X, y, epochs=1),
    "torch": lambda size, X, y: peers.torch_fit(size, X, y, epochs=1),
}
FIGURES = [
    Figure("data in float32, MiB", lambda mib: mib["data"], digits=0),
    Figure("by the formula above the data, MiB", lambda mib: mib["formula"], digits=0),
    Figure("finnet above the data, MiB", lambda mib: mib["finnet"], digits=0),
    Figure("finnet / formula, data included", lambda mib: total(mib, "finnet") / total(mib, "formula"), at_most=True,
           targets=dict.fromkeys(SIZES, 1.0)),
    Figure("scikit-learn above the data, MiB", lambda mib: mib["scikit-learn"], digits=0),
    Figure("PyTorch above the data, MiB", lambda mib: mib["torch"], digits=0),
]  # fmt: skip


def total(mib: Times, name: str) -> np.ndarray:
    return mib["data"] + mib[name]


def formula(size: Size, rows: int) -> float:
    """Bytes above the data."""
    floats = 5 * size.parameters + 3 * size.batch * sum(size.hidden)
    return 4.0 * floats + min(CHUNK_BYTES, 4 * rows * size.features)


def resident(field: str) -> int:
    """Bytes now (VmRSS), or at most since the last `forget_peak` (VmHWM)."""
    lines = dict(line.split(":") for line in STATUS.read_text(encoding="utf-8").splitlines())
    return 1024 * int(lines[field].split()[0])


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def rise(contestant: str, size: Size, rows: int) -> int:
    """Bytes that a fit adds to this process at its peak."""
    X, y = peers.made_rows(rows, size.features)
    FITS[contestant](size, X[: size.batch], y[: size.batch])
    forget_peak()
    before = resident("VmRSS")
    FITS[contestant](size, X, y)
    return resident("VmHWM") - before


def rise_alone(contestant: str, name: str, rows: int) -> float:
    """The same in MiB, measured in a new process."""
    command = [sys.executable, __file__, "--rise", contestant, name, str(rows)]
    # The finnet beside this file, wherever this was started.
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return int(done.stdout) / MIB


def mebibytes(name: str, size: Size, asked: Options) -> Times:
    rows = 1000 if asked.quick else ROWS
    own = replace(size, features=FEATURES)
    present = ["finnet"] if asked.quick else [peer for peer in FITS if peer != "torch" or asked.has("torch")]
    measured = {peer: np.array([rise_alone(peer, name, rows) for _ in range(asked.repeats)]) for peer in present}
    return {
        "data": np.array([4 * rows * FEATURES / MIB]),
        "formula": np.array([formula(own, rows) / MIB]),
        **measured,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    asked = measuring.options(__doc__, arguments, repeats=1)
    if not STATUS.exists():
        print("Peak memory can be read on Linux only.")
        return
    results = {name: mebibytes(name, size, asked) for name, size in asked.sizes.items()}
    text = (
        f"# Memory of training\n\nPeak resident memory of one epoch on {ROWS:,} x {FEATURES} rows above that after"
        f" imports and data, {measuring.versions(*['torch'] * asked.has('torch'))}. Made by `python"
        " tests/benchmarks/bench_memory.py`.\n\nFormula: data in float32 + 5 x parameters + one gather chunk (at most"
        f" {CHUNK_BYTES // MIB} MiB) + buffers of one batch.\n\n{measuring.sizes_in_words()}\n- features here:"
        f" {FEATURES} for all\n\n{measuring.table(FIGURES, results)}"
    )
    measuring.publish("memory", text, asked, peers=["torch"])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--rise"]:
        print(rise(sys.argv[2], replace(SIZES[sys.argv[3]], features=FEATURES), int(sys.argv[4])))
    else:
        main()
