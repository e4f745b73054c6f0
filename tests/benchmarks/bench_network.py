"""CPU time of one training step, through the public estimators, beside scikit-learn's and PyTorch's.

    python tests/benchmarks/bench_network.py                  # all sizes, prints a table and writes it to reports/
    python tests/benchmarks/bench_network.py --sizes tiny small --repeats 9

Same network, data, optimizer (Adam) and epochs for all; one thread; runs interleaved, medians over repeats. PyTorch is
timed where it is installed (eager, fused Adam, batches sliced from a tensor without shuffling); elsewhere its rows are
left out and the stored table is kept. Peers do no validation.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier

from finnet.estimators.network import NetworkClassifier
from finnet.network.activations import ReLU
from finnet.network.batches import Examples
from finnet.network.losses import SigmoidCrossEntropy
from finnet.network.model import dense_network
from finnet.network.pack import members_at_once, train_pack
from finnet.network.training import Training, train

try:
    import torch
except ImportError:
    torch = None

REPORT = Path(__file__).parents[2] / "reports" / "benchmarks" / "network.md"


@dataclass(frozen=True)
class Size:
    features: int
    hidden: tuple[int, ...]
    batch: int
    steps: int

    @cache  # noqa: B019  a handful of sizes
    def data(self):
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.steps * self.batch, self.features)).astype("float32")
        return X, (rng.random(len(X)) < 0.5).astype(int)


SIZES = {
    "tiny": Size(16, (32, 16), 32, 2000),
    "small": Size(32, (64, 32), 128, 800),
    "medium": Size(100, (256, 128), 256, 60),
    "large": Size(500, (1024, 512, 256), 1024, 3),
}


def finnet_fit(size: Size, dropout: float = 0.0) -> None:
    X, y = size.data()
    settings = {"hidden": size.hidden, "batch_size": size.batch, "epochs": 2, "dropout": dropout}
    NetworkClassifier(**settings, random_state=0).fit(X, y)


def bare_loop(size: Size, dropout: float = 0.0) -> None:
    X, y = size.data()
    network = dense_network((size.features, *size.hidden, 1), activation=ReLU(), dropout=(dropout,))
    network.initialize([np.random.default_rng(0)])
    examples = Examples(X, y[:, None].astype("float32"))
    settings = Training(epochs=2, batch_size=size.batch)
    train(network, SigmoidCrossEntropy(), examples, rng=np.random.default_rng(0), settings=settings)


def scikit_learn_fit(size: Size) -> None:
    X, y = size.data()
    MLPClassifier(size.hidden, batch_size=size.batch, max_iter=2, alpha=0.0, random_state=0).fit(X, y)


def torch_fit(size: Size, dropout: float = 0.0) -> None:
    X, y = (torch.tensor(values) for values in size.data())
    y = y[:, None].float()
    layers = []
    for n_in, n_out in pairwise((size.features, *size.hidden)):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()] + [torch.nn.Dropout(dropout)] * (dropout > 0)
    network = torch.nn.Sequential(*layers, torch.nn.Linear(size.hidden[-1], 1))
    optimizer, loss = torch.optim.Adam(network.parameters(), fused=True), torch.nn.BCEWithLogitsLoss()
    for start in [*range(0, len(X), size.batch)] * 2:
        optimizer.zero_grad()
        loss(network(X[start : start + size.batch]), y[start : start + size.batch]).backward()
        optimizer.step()


def matrix_products(size: Size) -> None:
    """The products of two epochs of steps, and nothing else."""
    widths = (size.features, *size.hidden, 1)
    A = [np.ones((size.batch, n), "float32") for n in widths]
    W = [np.ones(shape, "float32") for shape in pairwise(widths)]
    dZ, dW = [np.empty_like(a) for a in A], [np.empty_like(w) for w in W]
    for _ in range(2 * size.steps):
        for k, w in enumerate(W):
            np.dot(A[k], w, out=dZ[k + 1])
        for k in reversed(range(len(W))):
            np.dot(A[k].T, A[k + 1], out=dW[k])
            if k:
                np.dot(A[k + 1], W[k].T, out=dZ[k])


def pack_fit(size: Size, dropout: float = 0.0) -> int:
    """As many networks as fit the cache at once; returns how many, up to 32."""
    X, y = size.data()
    probe = dense_network((size.features, *size.hidden, 1))
    members = min(32, members_at_once(len(probe.values), rows=size.batch, units=sum(size.hidden)))
    widths = (size.features, *size.hidden, 1)
    network = dense_network(widths, activation=ReLU(), dropout=(dropout,) * members, members=members)
    rngs = [np.random.default_rng(seed) for seed in range(members)]
    network.initialize(rngs)
    rows = Examples(X, y[:, None].astype("float32"))
    train_pack(network, SigmoidCrossEntropy(), rows, rngs=rngs, settings=Training(epochs=2, batch_size=size.batch))
    return members


def contestants(size: Size) -> dict[str, Callable[[], object]]:
    runs = {
        "finnet": lambda: finnet_fit(size),
        "finnet, dropout": lambda: finnet_fit(size, 0.2),
        "bare loop": lambda: bare_loop(size),
        "products": lambda: matrix_products(size),
        "pack": lambda: pack_fit(size),
        "pack, dropout": lambda: pack_fit(size, 0.2),
        "scikit-learn": lambda: scikit_learn_fit(size),
    }
    if torch is not None:
        torch.set_num_threads(1)
        runs |= {"torch": lambda: torch_fit(size), "torch, dropout": lambda: torch_fit(size, 0.2)}
    return runs


def measure(size: Size, repeats: int) -> dict[str, float]:
    """Median CPU microseconds per step and network."""
    runs, times = contestants(size), {}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            started = time.process_time()
            result = run()
            elapsed = time.process_time() - started
            networks = result if isinstance(result, int) else 1
            if repeat:  # the first round warms up
                times.setdefault(name, []).append(1e6 * elapsed / (2 * size.steps * networks))
    return {name: float(np.median(values)) for name, values in times.items()}


def ratio(times: dict[str, float], slow: str, fast: str) -> str:
    return f"{times[slow] / times[fast]:.2f}" if slow in times and fast in times else "-"


def table(results: dict[str, dict[str, float]]) -> str:
    rows = [
        ("one step, microseconds", lambda t: f"{t['finnet']:.1f}"),
        ("one step with dropout 0.2, microseconds", lambda t: f"{t['finnet, dropout']:.1f}"),
        ("times faster than scikit-learn's MLP", lambda t: ratio(t, "scikit-learn", "finnet")),
        ("times faster than PyTorch, eager, fused Adam", lambda t: ratio(t, "torch", "finnet")),
        ("times faster than PyTorch with dropout 0.2", lambda t: ratio(t, "torch, dropout", "finnet, dropout")),
        ("matrix products alone / step", lambda t: ratio(t, "products", "finnet")),
        ("estimator / bare loop", lambda t: ratio(t, "finnet", "bare loop")),
        ("networks one after another / as a pack", lambda t: ratio(t, "bare loop", "pack")),
        ("one after another / as a pack, dropout 0.2", lambda t: ratio(t, "finnet, dropout", "pack, dropout")),
    ]
    rows = [row for row in rows if torch is not None or "PyTorch" not in row[0]]
    lines = ["| | " + " | ".join(results) + " |", "|---" * (len(results) + 1) + "|"]
    lines += [f"| {label} | " + " | ".join(cell(t) for t in results.values()) + " |" for label, cell in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    results = {name: measure(SIZES[name], arguments.repeats) for name in arguments.sizes}
    versions = f"NumPy {np.__version__}" + (f", PyTorch {torch.__version__}" if torch is not None else "")
    sizes = "\n".join(
        f"- {name}: {s.features} features, hidden {s.hidden}, batch {s.batch}" for name, s in SIZES.items()
    )
    text = (
        f"# Training speed\n\nCPU time on one core, medians of {arguments.repeats} interleaved runs, {versions}."
        f" Made by `python tests/benchmarks/bench_network.py`.\n\n{sizes}\n\n{table(results)}\n"
    )
    print(text)
    if torch is None:
        print("PyTorch is not installed: its rows are left out, and the stored table is kept.")
    elif list(results) == list(SIZES):
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        REPORT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
