"""Writes how far backpropagation is from central differences and from PyTorch, in numbers.

    python -m tests.network.gradient_table            # the whole grid and a hundred seeds; writes the stored table
    python -m tests.network.gradient_table --short    # one seed of the pairwise cover; only prints

Run from the folder that holds tests/. It asks the code that the tests ask; PyTorch's answers are the stored ones.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from tests.markdown import markdown_table
from tests.network.gradients import Case, every_case, pairwise_cases, relative_gradient_error
from tests.network.oracle.answers import CASES, OPTIMIZERS, our_gradient, our_losses, stored

REPORT = Path(__file__).parents[2] / "reports" / "benchmarks" / "gradients.md"
Errors = dict[Case, float]


def gradient_errors(cases: Iterable[Case]) -> Errors:
    """Largest relative error of every case, each with a seed of its own."""
    return {case: relative_gradient_error(case, seed=seed) for seed, case in enumerate(cases)}


def pytorch_gradients() -> dict[str, float]:
    """Largest difference from PyTorch's gradient, over the largest element of that gradient."""
    return {case: _difference(our_gradient, "gradients", "gradient", case) for case in CASES}


def pytorch_losses() -> dict[str, float]:
    """Largest difference from PyTorch's loss in 50 steps of every optimizer, over the largest loss."""
    return {name: _difference(our_losses, "losses", "losses", name) for name in OPTIMIZERS}


def _difference(ours: Callable[[str, dict], np.ndarray], file: str, array: str, case: str) -> float:
    theirs = stored(file, case)
    return float(np.abs(ours(case, theirs) - theirs[array]).max() / np.abs(theirs[array]).max())


def by_factor(errors: Errors, factor: str) -> str:
    """One row per value of a factor: cases and the largest relative error among them."""
    groups: dict[str, list[float]] = {}
    for case, error in errors.items():
        groups.setdefault(str(getattr(case, factor)), []).append(error)
    rows = [(value, f"{len(group):,}", f"{max(group):.1e}") for value, group in groups.items()]
    return markdown_table([factor, "cases", "largest relative error"], rows)


def differences(found: dict[str, float], name: str) -> str:
    return markdown_table([name, "largest difference"], [(key, f"{value:.1e}") for key, value in found.items()])


def report(errors: Errors, seeds: list[Errors]) -> str:
    """The page: both oracles, in float64."""
    over_seeds = [error for found in seeds for error in found.values()]
    return f"""# Gradients

Made by `python -m tests.network.gradient_table` (`make tables`), in float64.

## Central differences

Networks 3-(4, 4)-1 or 3-(4, 4)-3, 7 rows, steps of 1e-6 up and down; error = |analytic - numeric| / (|analytic| +
|numeric|), the worst member of a pack. The tests allow 1e-6.

- Grid of activation x loss x penalty x dropout x normalization x residual x weights x pack: {len(errors):,} cases,
  largest error {max(errors.values()):.1e}.
- {len(seeds)} seeds of a cover of all pairs of those: {len(over_seeds):,} cases, largest error {max(over_seeds):.1e}.

{by_factor(errors, "activation")}

{by_factor(errors, "loss")}

## PyTorch

Gradients of small networks with given weights and rows, beside PyTorch's stored ones: largest difference over the
largest element. Activations stand in two hidden layers before binary cross-entropy; losses after tanh; `batch`, `layer`
and `residual` are what their names say, and `all` joins them with GELU and softmax. The tests allow 1e-10.

{differences(pytorch_gradients(), "case")}

Losses of 50 full-batch steps from the same weights, beside PyTorch's stored curves: largest difference over the
largest loss. The tests allow 1e-10.

{differences(pytorch_losses(), "optimizer")}
"""


def main(arguments: list[str] | None = None) -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="one seed of the pairwise cover; writes no file")
    is_short = parser.parse_args(arguments).short
    started = time.process_time()
    errors = gradient_errors(pairwise_cases() if is_short else every_case())
    cover = pairwise_cases(seed=1)
    seeds = [
        {case: relative_gradient_error(case, seed=seed) for case in cover} for seed in range(1 if is_short else 100)
    ]
    text = report(errors, seeds)
    print(f"{text}\n{time.process_time() - started:.0f} s of CPU time")
    if not is_short:
        REPORT.write_text(text, encoding="utf-8")
    return text


if __name__ == "__main__":
    main()
