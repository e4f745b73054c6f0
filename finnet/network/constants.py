"""Numbers as arrays of no dimension, with which an operation on a small array starts half a microsecond sooner."""

from functools import lru_cache
from typing import cast

import numpy as np

from finnet.types import FloatArray

__all__ = ["common", "constant"]


@lru_cache(maxsize=4096)
def constant(value: float, dtype: np.dtype[np.floating]) -> FloatArray:
    """The number as a read-only array of shape (); NumPy converts a Python number anew in every operation.

    Examples
    --------
    >>> constant(0.5, np.dtype("float32"))
    array(0.5, dtype=float32)
    """
    array = np.array(value, dtype)
    # Everybody who asks for this number gets this very array.
    array.flags.writeable = False
    return array


def common(values: float | FloatArray) -> float | FloatArray:
    """The one number that all members have, or their own ones, along which NumPy goes row by row and slower.

    Examples
    --------
    >>> common(np.array([[0.5], [0.5]])), common(np.array([[0.5], [0.25]])).shape
    (np.float64(0.5), (2, 1))
    """
    if isinstance(values, np.ndarray) and values.size and (values == values.flat[0]).all():
        return cast(float, values.flat[0])
    return values
