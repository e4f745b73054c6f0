"""Row weights: for how many cases a row stands, checked, and how many equally weighted rows would say as much."""

from typing import Any

import numpy as np

from finnet.checks import require_positive
from finnet.errors import DataError
from finnet.types import FloatArray

__all__ = ["checked_weight", "effective_number"]

_LARGEST = float(np.finfo(np.float32).max)


def checked_weight(weight: Any, n_rows: int) -> FloatArray | None:
    """The weights as floats, shape (n_rows,); None where each is 1, which says the same as none.

    Dropping weights of 1 is what makes a run with them equal to the bit to one without.

    Raises
    ------
    DataError
        Where there is not one for each row, or one is not a finite number above 0, or is beyond float32, in which
        models count.

    Examples
    --------
    >>> checked_weight([1, 2], 2), checked_weight([1, 1], 2)
    (array([1., 2.]), None)
    """
    if weight is None:
        return None
    try:
        values = np.asarray(weight, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"weight holds what is no number ({error}); give one number above 0 per row") from error
    if values.shape != (n_rows,):
        raise DataError(f"weight has shape {values.shape} and there are {n_rows} rows; give one number above 0 per row")
    require_positive(values, name="weight")
    if values.max() > _LARGEST:
        raise DataError(f"weight has {values.max():g}, which is beyond {_LARGEST:.2g}; divide all weights by it")
    # None sends them the way of rows without weights, which is faster and rounds alike.
    return None if (values == 1.0).all() else values


def effective_number(weight: FloatArray) -> float:
    """How many equally weighted rows would give a mean as sure as this one: (sum w)^2 / sum w^2 (Kish 1965).

    Parameters
    ----------
    weight : ndarray of shape (n_rows,)

    Examples
    --------
    >>> effective_number(np.array([1.0, 1.0, 1.0])), effective_number(np.array([3.0, 1.0]))
    (3.0, 1.6)
    """
    return float(weight.sum() ** 2 / (weight @ weight))
