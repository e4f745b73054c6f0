"""Whether the default-risk classifier's probabilities are right on made loan books, whose true ones are known.

    python tests/benchmarks/bench_calibration.py           # ten books; writes the stored table
    python tests/benchmarks/bench_calibration.py --short   # one small book; only prints

Each book trains a classifier, which then forecasts the same 100,000 new loans. Of their outcomes on the log-odds of the
forecasts, a logistic regression gives the slope, 1 where forecasts are as extreme as they should be, and the intercept,
0 where they are neither too high nor too low (Cox 1958).
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from finnet.data.samples import made_loan_book
from finnet.estimators.default_risk import DefaultRiskClassifier

REPORT = Path(__file__).parents[2] / "reports" / "benchmarks" / "calibration.md"
FIRST_SEED = 100  # books of smaller seeds were looked at when the curve was designed
TEST_SEED = 99

HEAD = """# Calibration on made loan books

`DefaultRiskClassifier()` trained on {books} made books of {loans:,} loans (seeds {first} to {last}), each judged on the
same {tested:,} new loans. Slope 1 and intercept 0 are right; "plain" is the average of all fits without its curve,
"published" with it. Off is the mean distance of the forecasts from the true probabilities, and loss the log loss, less
that of the true probabilities. Made by `python tests/benchmarks/bench_calibration.py`.
"""


def line(P: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of the outcomes on the log-odds of the forecasts."""
    fitted = LogisticRegression(C=np.inf, max_iter=1000).fit(logit(P)[:, None], y)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def measure(seed: int, *, loans: int, tested: int) -> dict[str, float]:
    """Slopes, intercepts, distances and losses of one book."""
    book, new = made_loan_book(loans=loans, seed=seed), made_loan_book(loans=tested, seed=TEST_SEED)
    y, truth = np.asarray(new.default), np.asarray(new.true_probability)
    model = DefaultRiskClassifier(random_state=seed).fit(book.features, np.asarray(book.default))
    published, facts = model.predict_proba(new.features)[:, 1], model.calibration_
    # The curve is a straight line of log-odds, so the plain average is found by going back along it.
    plain = expit((logit(published) - facts["intercept"]) / facts["slope"])
    row: dict[str, float] = {"seed": seed}
    for name, P in (("plain", plain), ("published", published)):
        row[f"{name} slope"], row[f"{name} intercept"] = line(P, y)
        row[f"{name} off"] = float(np.abs(P - truth).mean())
        row[f"{name} loss"] = log_loss(y, P) - log_loss(y, truth)
    return row


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="one small book; only prints")
    is_short = parser.parse_args(arguments).short
    books, loans, tested = (1, 400, 2_000) if is_short else (10, 5_600, 100_000)
    table = pd.DataFrame([measure(FIRST_SEED + k, loans=loans, tested=tested) for k in range(books)])
    lines = [HEAD.format(books=books, loans=loans, first=FIRST_SEED, last=FIRST_SEED + books - 1, tested=tested)]
    lines += [f"| {' | '.join(table)} |", f"|{'---|' * table.shape[1]}"]
    lines += [
        f"| {row['seed']:.0f} | {' | '.join(f'{row[name]:.4f}' for name in list(table)[1:])} |"
        for _, row in table.iterrows()
    ]
    lines += [
        f"| {word} | {' | '.join(f'{value:.4f}' for value in values)} |"
        for word, values in (("mean", table.mean().iloc[1:]), ("spread", table.std().iloc[1:]))
    ]
    print("\n".join(lines))
    if not is_short:
        REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
