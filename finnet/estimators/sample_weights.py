"""Sample weights at the door of estimators."""

from typing import Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from finnet.errors import DataError
from finnet.types import FloatArray, IntArray

__all__ = ["checked_sample_weight", "require_weight_of_both"]


def checked_sample_weight(sample_weight: Any, X: Any) -> FloatArray | None:
    """The weights of the rows of X as floats, shape (n_rows,); None where none are given.

    ValueError where they are not one number of 0 or more for each row.

    Examples
    --------
    >>> checked_sample_weight([2, 1], [[0.0], [1.0]])
    array([2., 1.])
    """
    if sample_weight is None:
        return None
    weight: FloatArray = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
    return weight


def require_weight_of_both(weight: FloatArray, codes: IntArray) -> None:
    """Raise DataError where all rows of a class, 0 or 1 in `codes` (n_rows,), weigh nothing beside the heaviest row.

    Networks learn in float32, for which 1 is nothing beside 1e300.

    Examples
    --------
    >>> require_weight_of_both(np.array([0.0, 2.0]), np.array([0, 1]))
    Traceback (most recent call last):
    finnet.errors.DataError: sample_weight is 0 for all rows of the first class, or next to nothing beside the largest,
    2; give rows of both classes weight
    """
    counts = np.bincount(codes, (weight / weight.max()).astype(np.float32), minlength=2)
    for which, count in zip(("first", "second"), counts, strict=True):
        if not count > 0.0:
            raise DataError(
                f"sample_weight is 0 for all rows of the {which} class, or next to nothing beside the largest,"
                f" {weight.max():g}; give rows of both classes weight"
            )
