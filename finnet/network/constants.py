"""Numbers as arrays of no dimension, with which an operation on a small array starts half a microsecond sooner."""

from functools import lru_cache

import numpy as np

from finnet.types import FloatArray

__all__ = ["constant"]


@lru_cache(maxsize=4096)
def constant(value: float, dtype: np.dtype[np.floating]) -> FloatArray:
    """The number as a read-only array of no dimension; NumPy converts a Python number anew in every operation.

    Examples
    --------
    >>> constant(0.5, np.dtype("float32"))
    array(0.5, dtype=float32)
    """
    array = np.array(value, dtype)
    array.flags.writeable = False
    return array
