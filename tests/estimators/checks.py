"""scikit-learn's checks of finnet's estimators, in the settings in which users meet them."""

from dataclasses import dataclass
from typing import Any

from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.estimator_checks import check_estimator

from finnet.estimators.baselines import CappedSVC, CappedSVR
from finnet.estimators.calibrators import CalibratedClassifier
from finnet.estimators.encoded import EncodedClassifier, EncodedRegressor
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.naive import AlwaysUp, BestColumn, LastValue, Persistence, PriorRate, TrainingMean, Zero
from finnet.estimators.network import NetworkClassifier, NetworkRegressor
from finnet.estimators.regressors import BoundedRegressor, ScaledRegressor
from finnet.estimators.scorecard import ScorecardClassifier
from finnet.estimators.tuning import TunedClassifier, TunedRegressor
from finnet.features.encoding import TableEncoder
from finnet.network import Adam, EarlyStopping

__all__ = ["ENSEMBLES", "NETWORKS", "OTHERS", "SETTINGS", "Outcome", "expected_failures", "outcome"]

NETWORKS = (NetworkClassifier, NetworkRegressor)
ENSEMBLES = (NetworkEnsembleClassifier, NetworkEnsembleRegressor)
SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "early stopping": {"early_stopping": EarlyStopping(patience=5), "optimizer": Adam(learning_rate=2e-3)},
    "batch_size=4": {"batch_size": 4},
}
_MOST_ROWS = 60  # of the check of weights: 15, each at most 4 times
OTHERS = (
    EncodedClassifier(TableEncoder(), LogisticRegression()),
    TunedClassifier(LogisticRegression(), space={"C": [0.1, 1.0]}),
    CalibratedClassifier(LogisticRegression()),
    CappedSVC(),
    ScorecardClassifier(),
    PriorRate(),
    AlwaysUp(),
    Persistence(0),
    BestColumn(),
    EncodedRegressor(TableEncoder(), Ridge()),
    TunedRegressor(Ridge(), space={"alpha": [0.1, 1.0]}),
    BoundedRegressor(Ridge()),
    ScaledRegressor(Ridge()),
    CappedSVR(),
    Zero(),
    TrainingMean(),
    LastValue(0),
    TableEncoder(),
)


AS_ROWS_STAND = {
    EncodedClassifier: "the encoder looks at rows as they stand",
    EncodedRegressor: "the encoder looks at rows as they stand",
    BestColumn: "ranks are those of rows as they stand",
    CappedSVC: "repeating a row changes which rows are drawn",
    CappedSVR: "targets are scaled by rows as they stand",
}
"""Why a row of weight two is not two rows to some of the others: not all that they learn is weighted."""


def expected_failures(estimator: Any) -> dict[str, str]:
    """What networks and some others do not promise: the same numbers for a row of weight two as for two rows."""
    if not isinstance(estimator, NETWORKS + ENSEMBLES):
        reason = AS_ROWS_STAND.get(type(estimator))
        return {"check_sample_weight_equivalence_on_dense_data": reason} if reason else {}
    reason = _why_weights_are_not_repeats(estimator)
    failures = {"check_sample_weight_equivalence_on_dense_data": reason} if reason else {}
    if getattr(estimator, "batch_ensemble", 1) > 1:
        # At the penalties for noisy targets two members with shared weights pass it for some seeds only.
        failures["check_class_weight_classifiers"] = "a weight of 1,000 is learned too slowly in 100 epochs"
    return failures


def _why_weights_are_not_repeats(estimator: Any) -> str | None:
    """What sets 15 rows of weights 0 to 4 apart from those rows repeated as often; None where nothing does."""
    if isinstance(estimator, ENSEMBLES):
        return "repeating a row changes the draw of the folds"
    if estimator.early_stopping:
        return "repeating a row changes which rows are held out"
    if estimator.dropout:
        return "repeating a row changes which units are left out"
    if estimator.batch_size < _MOST_ROWS:
        return "repeating a row changes which rows share a batch"
    if estimator.dtype == "float32":
        return "float32 rounds repeated rows otherwise than weighted ones; in float64 the check passes"
    return None


@dataclass(frozen=True)
class Outcome:
    """How many checks passed and how many were skipped, and the names of those that failed, expected or not."""

    passed: int
    skipped: int
    expected: tuple[str, ...]
    failed: tuple[str, ...]


def outcome(estimator: Any, expected: dict[str, str] | None = None) -> Outcome:
    """Run all checks on one estimator."""
    found = check_estimator(estimator, expected_failed_checks=expected, on_fail=None, on_skip=None)
    names: dict[str, list[str]] = {status: [] for status in ("passed", "skipped", "xfail", "failed")}
    for check in found:
        names[check["status"]].append(check["check_name"])
    return Outcome(len(names["passed"]), len(names["skipped"]), tuple(names["xfail"]), tuple(names["failed"]))
