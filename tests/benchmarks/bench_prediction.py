"""Latency of one forecast in microseconds, and rows forecast per second beside scikit-learn's MLP.

    python tests/benchmarks/bench_prediction.py                  # all sizes, prints a table and keeps it in reports/
    python tests/benchmarks/bench_prediction.py --sizes tiny --repeats 9

One row goes through the bare network, which takes a float32 array as it comes, and through the estimator, which checks
it first: medians of many calls in wall-clock time. Bulk rows go through `predict_proba` of both, in CPU time.
"""

import time
from collections.abc import Callable, Sequence

import measuring
import numpy as np
from measuring import Figure, Options, Times, by_size, ratio
from peers import Size, made_rows, network_of, scikit_learn_fit

ROWS = {"tiny": 200_000, "small": 100_000, "medium": 20_000, "large": 4_000}
CALLS = {"tiny": 3000, "small": 3000, "medium": 2000, "large": 300}

FIGURES = [
    Figure("one row, network, microseconds", lambda times: 1e6 * times["row, network"], by_size(20, 20, 20), 1, True),
    Figure("one row, estimator, microseconds", lambda times: 1e6 * times["row, estimator"], digits=1),
    Figure("one row, scikit-learn's MLP, microseconds", lambda times: 1e6 * times["row, scikit-learn"], digits=1),
    Figure("rows per second in bulk", lambda times: 1.0 / times["finnet"], digits=0),
    ratio("times as many as scikit-learn's MLP", "scikit-learn", "finnet", by_size(1, 1, 1, 1)),
]


def latency(forecast: Callable[[np.ndarray], object], X: np.ndarray) -> float:
    """Median seconds of one call, each with another row."""
    seconds = []
    for i in range(len(X)):
        row = X[i : i + 1]
        start = time.perf_counter()
        forecast(row)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def seconds(name: str, size: Size, asked: Options) -> Times:
    """Of one row, alone and in bulk."""
    X, y = made_rows(100 if asked.quick else ROWS[name], size.features)
    some = slice(0, 2 * size.batch)
    model = network_of(size, epochs=1).fit(X[some], y[some])
    peer = scikit_learn_fit(size, X[some], y[some], epochs=1)
    bulk = {"finnet": lambda: model.predict_proba(X), "scikit-learn": lambda: peer.predict_proba(X)}
    times = measuring.interleaved(bulk, rounds=asked.repeats)
    singles = {
        "row, network": model.network_.predict,
        "row, estimator": model.predict_proba,
        "row, scikit-learn": peer.predict_proba,
    }
    calls = X[: 5 if asked.quick else CALLS[name]]
    with measuring.one_blas_thread():
        alone = {
            name: np.array([latency(forecast, calls) for _ in range(asked.repeats)])
            for name, forecast in singles.items()
        }
    return {name: values / len(X) for name, values in times.items()} | alone


def main(arguments: Sequence[str] | None = None) -> None:
    asked = measuring.options(__doc__, arguments, repeats=5)
    results = {name: seconds(name, size, asked) for name, size in asked.sizes.items()}
    text = (
        f"# Speed of forecasts\n\nMedians of {asked.repeats} interleaved rounds on one core, {measuring.versions()}."
        " Made by `python tests/benchmarks/bench_prediction.py`; targets in brackets.\n\n"
        f"{measuring.sizes_in_words()}\n\n{measuring.table(FIGURES, results)}"
    )
    measuring.publish("prediction", text, asked)


if __name__ == "__main__":
    main()
