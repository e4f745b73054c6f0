"""CPU time of one training step, through the public estimators, beside scikit-learn's and PyTorch's.

    python tests/benchmarks/bench_network.py                  # all sizes, prints a table and keeps it in reports/
    python tests/benchmarks/bench_network.py --sizes tiny small --repeats 9

One thread; contestants take turns, ratios are taken round by round, and their medians are printed. PyTorch is timed
where it is installed; elsewhere its rows are left out and the stored table is kept.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import measuring
import numpy as np
from measuring import Figure, Options, Times, by_size, ratio
from peers import EPOCHS, Size, finnet_fit, scikit_learn_fit, torch_fit

from finnet.network.activations import ReLU
from finnet.network.batches import Examples
from finnet.network.losses import SigmoidCrossEntropy
from finnet.network.model import dense_network
from finnet.network.training import Training, train

FIGURES = [
    Figure("one step, microseconds", lambda times: 1e6 * times["finnet"], digits=1),
    Figure("one step with dropout 0.2, microseconds", lambda times: 1e6 * times["finnet, dropout"], digits=1),
    ratio("times faster than scikit-learn's MLP", "scikit-learn", "finnet", by_size(8, 4.5, 2, 1.3)),
    ratio("times faster than PyTorch, eager, fused Adam", "torch", "finnet", by_size(11, 4.7, 1.3, 0.97)),
    ratio("the same with dropout 0.2", "torch, dropout", "finnet, dropout", by_size(12, 7, 2.2, 1.2)),
    ratio("than PyTorch where it alone does not shuffle", "torch, in order", "finnet"),
    ratio("the same with dropout 0.2", "torch, dropout, in order", "finnet, dropout"),
    ratio("matrix products alone / step", "products", "finnet", by_size(0.20, 0.38, 0.70, 0.90)),
    ratio("estimator / bare loop", "finnet", "bare loop"),
]


def bare_loop(size: Size) -> None:
    X, y = size.data()
    network = dense_network(size.widths, activation=ReLU())
    network.initialize([np.random.default_rng(0)])
    examples = Examples(X, y[:, None].astype("float32"))
    settings = Training(epochs=EPOCHS, batch_size=size.batch)
    train(network, SigmoidCrossEntropy(), examples, rng=np.random.default_rng(0), settings=settings)


def matrix_products(size: Size) -> None:
    """The products of all steps, and nothing else."""
    A = [np.ones((size.batch, n), "float32") for n in size.widths]
    W = [np.ones(shape, "float32") for shape in pairwise(size.widths)]
    dZ, dW = [np.empty_like(a) for a in A], [np.empty_like(w) for w in W]
    for _ in range(EPOCHS * size.steps):
        for k, w in enumerate(W):
            np.dot(A[k], w, out=dZ[k + 1])
        for k in reversed(range(len(W))):
            np.dot(A[k].T, A[k + 1], out=dW[k])
            if k:
                np.dot(A[k + 1], W[k].T, out=dZ[k])


def contestants(size: Size, asked: Options) -> dict[str, Callable[[], object]]:
    rows = size.data()
    runs = {
        "finnet": lambda: finnet_fit(size, *rows),
        "finnet, dropout": lambda: finnet_fit(size, *rows, dropout=0.2),
        "bare loop": lambda: bare_loop(size),
        "products": lambda: matrix_products(size),
        "scikit-learn": lambda: scikit_learn_fit(size, *rows),
    }
    if asked.has("torch"):
        runs |= {
            "torch": lambda: torch_fit(size, *rows),
            "torch, dropout": lambda: torch_fit(size, *rows, dropout=0.2),
            "torch, in order": lambda: torch_fit(size, *rows, shuffles=False),
            "torch, dropout, in order": lambda: torch_fit(size, *rows, dropout=0.2, shuffles=False),
        }
    return runs


def seconds_per_step(size: Size, asked: Options) -> Times:
    seconds = measuring.interleaved(contestants(size, asked), rounds=asked.repeats)
    return {name: values / (EPOCHS * size.steps) for name, values in seconds.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    asked = measuring.options(__doc__, arguments, repeats=5)
    results = {name: seconds_per_step(size, asked) for name, size in asked.sizes.items()}
    libraries = measuring.versions(*["torch"] * asked.has("torch"))
    text = (
        f"# Training speed\n\nCPU time of one thread, medians of {asked.repeats} interleaved rounds, {libraries}."
        " Made by `python tests/benchmarks/bench_network.py`; targets in brackets.\n\n"
        f"{measuring.sizes_in_words()}\n\n{measuring.table(FIGURES, results)}"
    )
    measuring.publish("network", text, asked, peers=["torch"])


if __name__ == "__main__":
    main()
