"""Writes how many of scikit-learn's checks every estimator passes.

    python -m tests.estimators.check_table            # all estimators and settings; writes the stored table
    python -m tests.estimators.check_table --short    # NetworkClassifier as it comes; only prints

Run from the folder that holds tests/.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import time
import warnings
from pathlib import Path

import sklearn

from finnet.estimators.ensemble import NetworkEnsembleClassifier
from finnet.estimators.network import NetworkClassifier
from tests.estimators.checks import ENSEMBLES, NETWORKS, OTHERS, SETTINGS, expected_failures, outcome
from tests.markdown import markdown_table

REPORT = Path(__file__).parents[2] / "reports" / "benchmarks" / "estimator_checks.md"


def network_rows(networks: tuple[type, ...], settings: dict[str, dict]) -> list[list[object]]:
    return [
        [network.__name__, name, *_outcome(network(**setting))]
        for network in networks
        for name, setting in settings.items()
    ]


def other_rows() -> list[list[object]]:
    return [[type(estimator).__name__, *_outcome(estimator)] for estimator in OTHERS]


def _outcome(estimator: object) -> list[object]:
    found = outcome(estimator, expected_failures(estimator))
    return [found.passed, found.skipped, _names(found.expected), _names(found.failed)]


def _names(checks: tuple[str, ...]) -> str:
    return ", ".join(dict.fromkeys(checks)) or "none"


def report(networks: list[list[object]], others: list[list[object]]) -> str:
    reasons = {
        "single networks": NetworkClassifier(),
        "without early stopping": NetworkClassifier(early_stopping=False),
        "without dropout either": NetworkClassifier(early_stopping=False, dropout=0.0),
        "ensembles": NetworkEnsembleClassifier(),
    }
    lines = "\n".join(f"- {who}: {why}" for who, model in reasons.items() for why in expected_failures(model).values())
    header = ["passed", "skipped", "expected failures", "failures"]
    return f"""# scikit-learn's checks

`check_estimator` of scikit-learn {sklearn.__version__}, made by `python -m tests.estimators.check_table` (`make
tables`). Skipped is what needs an environment variable (array API).

{markdown_table(["estimator", "setting", *header], networks)}

"early stopping" is `EarlyStopping(patience=5)` with `Adam(learning_rate=2e-3)`; all networks stop early by default. The
expected failures, where a row of weight two should count as a row that stands twice:

{lines}

## Other estimators

`EncodedClassifier`, `TunedClassifier` and `CalibratedClassifier` stand around a `LogisticRegression`, the first with a
`TableEncoder` in front; `Persistence` reads the first column, by position. `PriorRate` and `AlwaysUp` look at no
feature and say so, which spares them the checks of features. `CappedSVC` and the naive forecasts tell two labels apart,
and more are refused.

{markdown_table(["estimator", *header], others)}
"""


def main(arguments: list[str] | None = None) -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="NetworkClassifier as it comes; writes no file")
    is_short = parser.parse_args(arguments).short
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if is_short:
            text = report(network_rows(NETWORKS[:1], {"defaults": {}}), [])
        else:
            text = report(network_rows((*NETWORKS, *ENSEMBLES), SETTINGS), other_rows())
    print(f"{text}\n{time.process_time() - started:.0f} s of CPU time")
    if not is_short:
        REPORT.write_text(text, encoding="utf-8")
    return text


if __name__ == "__main__":
    main()
