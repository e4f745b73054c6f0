"""What share of a planted signal the ensemble recovers, as it comes, beside scikit-learn's models; and a coin.

    python tests/benchmarks/bench_planted.py             # one seed of everything; writes the stored table
    python tests/benchmarks/bench_planted.py --seeds 3   # the same, averaged over three
    python tests/benchmarks/bench_planted.py --short     # few rows; only prints

31 independent standard normal features; the log-odds of y = 1 are strength * z with z = (x0 - x1 + x2 + x3) / 2
(linear) or z = x4 x5 (product), or 0 (coin). The best possible accuracy is known, and a forecast is scored by the
probability of the class that it names, so that no draw of test labels blurs it:

    edge = (expected accuracy - 1/2) / (best possible accuracy - 1/2)
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from finnet.estimators.ensemble import NetworkEnsembleClassifier

REPORT = Path(__file__).parents[2] / "reports" / "benchmarks" / "planted.md"
FEATURES = 31
MODELS: dict[str, Callable[[int], Any]] = {
    "NetworkEnsembleClassifier": lambda seed: NetworkEnsembleClassifier(random_state=seed),
    "logistic regression": lambda seed: LogisticRegression(),
    "random forest": lambda seed: RandomForestClassifier(60, min_samples_leaf=20, random_state=seed),
    "gradient boosting": lambda seed: HistGradientBoostingClassifier(early_stopping=True, random_state=seed),
    "scikit-learn's MLP": lambda seed: MLPClassifier((64, 32), early_stopping=True, random_state=seed),
}


@dataclass(frozen=True)
class Signal:
    """Log-odds of y = 1, planted in normal features."""

    kind: str
    strength: float
    target: float

    def __str__(self) -> str:
        return f"{self.kind} {self.strength}"

    def probability(self, X):
        z = (X[:, 0] - X[:, 1] + X[:, 2] + X[:, 3]) / 2 if self.kind == "linear" else X[:, 4] * X[:, 5]
        return 1 / (1 + np.exp(-self.strength * z))

    def edge(self, model, size: "Size", seed: int) -> float:
        """Share of the best possible edge that a model recovers from one draw of rows."""
        rng = np.random.default_rng([11, seed])
        X, X_test = rng.standard_normal((size.rows, FEATURES)), rng.standard_normal((size.test_rows, FEATURES))
        y = (rng.random(size.rows) < self.probability(X)).astype(int)
        p = self.probability(X_test)
        named = np.where(model.fit(X, y).predict(X_test) == 1, p, 1 - p)
        return float((named.mean() - 0.5) / (np.maximum(p, 1 - p).mean() - 0.5))


@dataclass(frozen=True)
class Size:
    """Rows of one experiment, its signals, and how many coins are thrown per seed."""

    rows: int
    test_rows: int
    signals: tuple[Signal, ...]
    coins: int


SIGNALS = (
    Signal("linear", 0.16, target=0.87),
    Signal("linear", 0.33, target=0.96),
    Signal("linear", 0.8, target=0.985),
    Signal("product", 0.45, target=0.86),
    Signal("product", 1.0, target=0.965),
)
FULL = Size(20_000, 100_000, SIGNALS, coins=3)
SHORT = Size(2_000, 5_000, SIGNALS[2::2], coins=1)


def coin_accuracy(model, size: Size, seed: int) -> float:
    """Accuracy on labels that nothing can forecast, learned from a quarter of the rows."""
    rng = np.random.default_rng([13, seed])
    X, X_test = rng.standard_normal((size.rows // 4, FEATURES)), rng.standard_normal((size.test_rows, FEATURES))
    y, y_test = rng.integers(2, size=len(X)), rng.integers(2, size=len(X_test))
    return float((model.fit(X, y).predict(X_test) == y_test).mean())


def measure(size: Size, seeds: int) -> dict[str, dict[str, float]]:
    """Mean edges by signal, accuracy on the coin, and CPU seconds, of every model."""
    results = {}
    for name, make in MODELS.items():
        started = time.process_time()
        row = {
            str(signal): np.mean([signal.edge(make(seed), size, seed) for seed in range(seeds)])
            for signal in size.signals
        }
        row["coin"] = np.mean([coin_accuracy(make(seed), size, seed) for seed in range(size.coins * seeds)])
        results[name] = row | {"seconds": time.process_time() - started}
    return results


def standard_error(size: Size, seeds: int) -> float:
    """Of the accuracy on the coin, were it one half."""
    return float(0.5 / np.sqrt(size.test_rows * size.coins * seeds))


def table(results: dict[str, dict[str, float]], size: Size) -> str:
    columns = [*map(str, size.signals), "coin"]
    lines = ["| | " + " | ".join(columns) + " | CPU s |", "|---" * (len(columns) + 2) + "|"]
    for name, row in results.items():
        lines.append(f"| {name} | " + " | ".join(f"{row[c]:.4f}" if c == "coin" else f"{row[c]:.3f}" for c in columns)
                     + f" | {row['seconds']:.0f} |")  # fmt: skip
    targets = " | ".join(str(signal.target) for signal in size.signals)
    return "\n".join([*lines, f"| target for the ensemble on {FULL.rows:,} rows | {targets} | | |"])


def report(results: dict[str, dict[str, float]], size: Size, seeds: int) -> str:
    return f"""# Planted signals

Share of the best possible edge recovered, and accuracy on a coin, whose standard error is
{standard_error(size, seeds):.4f}. {size.rows:,} training rows ({size.rows // 4:,} for the coin), {size.test_rows:,}
test rows, {FEATURES} features, {seeds} seed{"s" if seeds > 1 else ""}; every model at one setting, the ensemble and
logistic regression at their defaults. Made by `python tests/benchmarks/bench_planted.py` (`make bench`).

{table(results, size)}
"""


def main(arguments: list[str] | None = None) -> dict[str, dict[str, float]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="few rows; writes no file")
    chosen = parser.parse_args(arguments)
    size = SHORT if chosen.short else FULL
    results = measure(size, chosen.seeds)
    text = report(results, size, chosen.seeds)
    print(text)
    if not chosen.short:
        REPORT.write_text(text, encoding="utf-8")
    return results


if __name__ == "__main__":
    main()
