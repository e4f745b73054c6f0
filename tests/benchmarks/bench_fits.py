"""Wall-clock time of 32 fits on two cores: an ensemble beside scikit-learn's and PyTorch's fits under joblib.

    python tests/benchmarks/bench_fits.py                  # tiny to medium, prints a table and keeps it in reports/
    python tests/benchmarks/bench_fits.py --sizes tiny --repeats 9

Same rows, epochs and batches for all, one thread per worker, workers warm; contestants take turns. Needs two quiet
cores: unlike CPU time, these figures suffer from whatever else runs.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import measuring
import peers
from joblib import Parallel, delayed
from measuring import Figure, Options, Times, by_size, ratio
from peers import Size

FIGURES = [
    Figure("32 networks as an ensemble, seconds", lambda times: times["finnet"]),
    ratio("32 fits of scikit-learn's MLP / ensemble", "scikit-learn", "finnet", by_size(20, 7, 2.3)),
    ratio("32 fits of PyTorch / ensemble", "torch", "finnet", {"tiny": 28, "medium": 1.6}),
    ratio("ensemble on one core / on two", "finnet, one core", "finnet"),
]
NETWORKS = 32
STEPS = {"tiny": 500, "small": 400, "medium": 60}


def under_joblib(fit: Callable[..., object], size: Size, asked: Options) -> Callable[[], object]:
    rows, networks = size.data(), 2 if asked.quick else NETWORKS
    return lambda: Parallel(n_jobs=asked.cores)(delayed(only_done)(fit, size, *rows) for _ in range(networks))


def only_done(fit: Callable[..., object], *arguments: object) -> None:
    """Without sending the fitted model back."""
    fit(*arguments)


def contestants(size: Size, asked: Options) -> dict[str, Callable[[], object]]:
    rows, networks = size.data(), 2 if asked.quick else NETWORKS
    runs = {
        "finnet": lambda: peers.ensemble_of(size, networks, cores=asked.cores).fit(*rows),
        "finnet, one core": lambda: peers.ensemble_of(size, networks).fit(*rows),
        "scikit-learn": under_joblib(peers.scikit_learn_fit, size, asked),
    }
    return runs | ({"torch": under_joblib(peers.torch_fit, size, asked)} if asked.has("torch") else {})


def seconds(name: str, size: Size, asked: Options) -> Times:
    short = size if asked.quick else replace(size, steps=STEPS[name])
    return measuring.interleaved(contestants(short, asked), rounds=asked.repeats, clock=time.perf_counter)


def main(arguments: Sequence[str] | None = None) -> None:
    asked = measuring.options(__doc__, arguments, repeats=3)
    results = {name: seconds(name, size, asked) for name, size in asked.sizes.items() if name in STEPS}
    libraries = measuring.versions("joblib", *["torch"] * asked.has("torch"))
    text = (
        f"# Many fits on two cores\n\nWall-clock time, medians of {asked.repeats} interleaved rounds, {libraries}."
        " Made by `python tests/benchmarks/bench_fits.py`; targets in brackets. Steps of one epoch, of two:"
        f" {', '.join(f'{name} {steps}' for name, steps in STEPS.items())}.\n\n"
        f"{measuring.sizes_in_words()}\n\n{measuring.table(FIGURES, results)}"
    )
    measuring.publish("fits", text, asked, peers=["torch"])


if __name__ == "__main__":
    main()
