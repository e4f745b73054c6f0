"""Sample weights at the door of estimators."""

from typing import Any

from sklearn.utils.validation import _check_sample_weight

from finnet.types import FloatArray

__all__ = ["checked_sample_weight"]


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
