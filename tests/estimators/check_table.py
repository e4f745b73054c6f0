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
from sklearn.linear_model import LogisticRegression

from finnet.estimators.baselines import CappedSVC
from finnet.estimators.calibration import CalibratedClassifier
from finnet.estimators.naive import AlwaysUp, PriorRate
from finnet.estimators.tuning import EncodedClassifier, TunedClassifier
from finnet.features.encoding import TableEncoder
from tests.estimators.checks import ENSEMBLES, NETWORKS, SETTINGS, expected_failures, outcome
from tests.markdown import markdown_table

REPORT = Path(__file__).parents[2] / "reports" / "benchmarks" / "estimator_checks.md"
OTHERS = {
    "TunedClassifier": TunedClassifier(LogisticRegression(), space={}),
    "CalibratedClassifier": CalibratedClassifier(LogisticRegression()),
    "EncodedClassifier": EncodedClassifier(TableEncoder(), LogisticRegression()),
    "TableEncoder": TableEncoder(),
    "CappedSVC": CappedSVC(),
    "PriorRate": PriorRate(),
    "AlwaysUp": AlwaysUp(),
}


def network_rows(networks: tuple[type, ...], settings: dict[str, dict]) -> list[list[object]]:
    rows = []
    for network in networks:
        for name, setting in settings.items():
            estimator = network(**setting)
            found = outcome(estimator, expected_failures(estimator))
            rows.append([network.__name__, name, found.passed, found.skipped, _names(found.expected),
                         _names(found.failed)])  # fmt: skip
    return rows


def other_rows(estimators: dict[str, object]) -> list[list[object]]:
    found = {name: outcome(estimator) for name, estimator in estimators.items()}
    return [[name, o.passed, o.skipped, len(o.failed), _names(o.failed)] for name, o in found.items()]


def _names(checks: tuple[str, ...]) -> str:
    return ", ".join(dict.fromkeys(checks)) or "none"


def report(networks: list[list[object]], others: list[list[object]]) -> str:
    reasons = {next(iter(expected_failures(estimator()).values())) for estimator in (*NETWORKS, *ENSEMBLES)}
    header = ["estimator", "setting", "passed", "skipped", "expected failures", "failures"]
    return f"""# scikit-learn's checks

`check_estimator` of scikit-learn {sklearn.__version__}, made by `python -m tests.estimators.check_table` (`make
tables`). Skipped is what needs an environment variable (array API).

{markdown_table(header, networks)}

"early stopping" is `EarlyStopping(patience=5)` with `Adam(learning_rate=2e-3)`; ensembles stop early by default. The
expected failure: {"; ".join(sorted(reasons))}.

## Other estimators

These take what finnet hands to them: rows that are known to be sound, labels 0 and 1, tables with missing values and
categories where the name says so. The checks ask for more, and what fails is named. `Persistence` and `BestColumn` read
columns of a DataFrame by name, so the checks, which give arrays, do not apply to them.

{markdown_table(["estimator", "passed", "skipped", "failed", "which"], others)}
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
            text = report(network_rows((*NETWORKS, *ENSEMBLES), SETTINGS), other_rows(OTHERS))
    print(f"{text}\n{time.process_time() - started:.0f} s of CPU time")
    if not is_short:
        REPORT.write_text(text, encoding="utf-8")
    return text


if __name__ == "__main__":
    main()
