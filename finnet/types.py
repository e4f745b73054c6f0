"""Array types and the few interfaces that parts of finnet use to speak to each other."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from finnet.dataset import Dataset
    from finnet.splits import Fold

__all__ = ["BoolArray", "Classifier", "FloatArray", "IntArray", "Split", "TimeArray"]

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]
BoolArray = npt.NDArray[np.bool_]
TimeArray = npt.NDArray[np.datetime64]  # datetime64[us], UTC


class Classifier(Protocol):
    """Anything in scikit-learn's shape that forecasts probabilities."""

    def fit(self, X: pd.DataFrame, y: IntArray) -> Self:
        """Learn from features (n, n_features) and labels (n,)."""
        ...

    def predict_proba(self, X: pd.DataFrame) -> FloatArray:
        """Probabilities of every class, shape (n, n_classes)."""
        ...


class Split(Protocol):
    """Anything that cuts a Dataset into folds of row numbers."""

    def split(self, dataset: "Dataset") -> Iterator["Fold"]:
        """Folds in a fixed order."""
        ...
