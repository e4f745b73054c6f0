"""Fitting with held-out blocks: whoever knows what to do with a block gets it, everyone else trains on it."""

from inspect import signature
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd

from finnet.types import FloatArray, IntArray

__all__ = ["Rows", "fit_in_blocks", "takes_validation"]


class Rows(NamedTuple):
    """Features (n, n_features) and labels (n,) of some rows."""

    X: pd.DataFrame | FloatArray
    y: IntArray | FloatArray

    def join(self, later: "Rows") -> "Rows":
        """These rows followed by `later`."""
        if not len(later.y):
            return self
        y = np.concatenate([self.y, later.y])
        if isinstance(self.X, pd.DataFrame):
            return Rows(pd.concat([self.X, cast(pd.DataFrame, later.X)], ignore_index=True), y)
        return Rows(np.concatenate([self.X, later.X]), y)


def takes_validation(estimator: Any) -> bool:
    """Whether `fit` has a use of its own for validation rows, such as early stopping."""
    return "X_val" in signature(estimator.fit).parameters


def fit_in_blocks(
    estimator: Any, train: Rows, *, validation: Rows | None = None, calibration: Rows | None = None
) -> Any:
    """The fitted estimator: blocks go to `fit` as `X_val, y_val` and `X_cal, y_cal` where it takes them.

    A block that `fit` does not take joins the training rows, so that no model sees fewer rows than another.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> first, last = Rows(np.zeros((3, 1)), np.array([0, 0, 0])), Rows(np.zeros((1, 1)), np.array([1]))
    >>> fit_in_blocks(DummyClassifier(), first, validation=last).class_prior_
    array([0.75, 0.25])
    """
    taken = signature(estimator.fit).parameters
    named: dict[str, Any] = {}
    for suffix, block in (("val", validation), ("cal", calibration)):
        if block is None or not len(block.y):
            continue
        if f"X_{suffix}" in taken:
            named |= {f"X_{suffix}": block.X, f"y_{suffix}": block.y}
        else:
            train = train.join(block)
    return estimator.fit(train.X, train.y, **named)
