"""Scorecard forms: that classifier as bins, counts of outcomes and coefficients, and back."""

from typing import Any

import numpy as np

from finnet.errors import DataError
from finnet.estimators.archive import Arrays, Description, checked_classes, checked_names, checked_number
from finnet.estimators.scorecard import ScorecardClassifier
from finnet.features.bins_file import bins_from, plain_bins
from finnet.features.weight_of_evidence import Evidence
from finnet.types import IntArray

__all__ = ["describe_scorecard", "restore_scorecard"]

# Up to here float64, in which counts are divided, holds every whole number.
_MOST_ROWS = 2**53


def describe_scorecard(model: ScorecardClassifier, arrays: Arrays) -> dict[str, Any]:
    """Settings, and what was learned of every column; coefficients in their order, in which they are summed."""
    return {
        "max_bins": int(model.max_bins),
        "least": [float(model.least_share), float(model.least_value)],
        "special_codes": [float(code) for code in model.special_codes],
        "binning": model.binning,
        "given": None if model.bins is None else {name: plain_bins(bins) for name, bins in model.bins.items()},
        "classes": model.classes_.tolist(),
        "columns": [str(name) for name in model.feature_names_in_],
        "bins": {name: plain_bins(own.bins) for name, own in model.evidence_.items()},
        "outcomes": {name: [own.good.tolist(), own.bad.tolist()] for name, own in model.evidence_.items()},
        "coefficients": [[name, coefficient] for name, coefficient in model.coefficients_.items()],
        "intercept": model.intercept_,
        "left_out": model.left_out_,
    }


def restore_scorecard(description: Description, arrays: Arrays) -> ScorecardClassifier:
    """The classifier again; DataError where its parts do not fit each other."""
    share, value = (checked_number(least, 0.0) for least in description["least"])
    model = ScorecardClassifier(
        int(checked_number(description["max_bins"], 1)),
        least_share=share,
        least_value=value,
        special_codes=tuple(checked_number(code) for code in description["special_codes"]),
        binning="tree" if description.get("binning") == "tree" else "quantile",
        bins=None if description["given"] is None else bins_from(description["given"]),
    )
    model.classes_ = checked_classes(description["classes"])
    columns, bins, outcomes = checked_names(description["columns"]), description["bins"], description["outcomes"]
    used = [name for name, _ in description["coefficients"]]
    if len(model.classes_) != 2 or not set(columns) == set(bins) == set(outcomes) == {*used, *description["left_out"]}:
        raise DataError("classes are not two, or columns differ from those with bins, outcomes or coefficients")
    model.feature_names_in_, model.n_features_in_ = np.asarray(columns, object), len(columns)
    model.evidence_ = {
        name: Evidence(own, *(_counts(counts, len(own.labels)) for counts in outcomes[name]))
        for name, own in bins_from({name: bins[name] for name in columns}).items()
    }
    model.coefficients_ = {name: checked_number(number) for name, number in description["coefficients"]}
    model.intercept_ = checked_number(description["intercept"])
    model.left_out_ = {name: str(why) for name, why in description["left_out"].items()}
    return model


def _counts(counts: Any, n_bins: int) -> IntArray:
    if len(counts) != n_bins or not all(type(count) is int and 0 <= count < _MOST_ROWS for count in counts):
        raise DataError(f"{counts!r} are not the numbers of rows of {n_bins} bins")
    return np.array(counts, np.int64)
