"""Memory that training fills again and again: it starts where a cache line starts, and is lent out batch by batch."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from finnet.types import FloatArray

__all__ = ["Buffer", "aligned"]

_LINE_BYTES = 64


def aligned(
    shape: tuple[int, ...], dtype: npt.DTypeLike, *, make: Callable[..., npt.NDArray[np.uint8]] = np.empty
) -> npt.NDArray[Any]:
    """An array that starts where a cache line starts, made by `np.empty` or `np.zeros`.

    NumPy's own start at any multiple of 16 bytes, and results of vector instructions that are written across two lines
    take twice as long.

    Examples
    --------
    >>> zeros = aligned((2, 3), "float32", make=np.zeros)
    >>> zeros.shape, zeros.ctypes.data % 64
    ((2, 3), 0)
    """
    n_bytes = prod(shape) * np.dtype(dtype).itemsize
    # A line more than is needed, so that there is room to begin at the start of the next one.
    memory = make(n_bytes + _LINE_BYTES, np.uint8)
    start = -memory.ctypes.data % _LINE_BYTES
    return memory[start : start + n_bytes].view(dtype).reshape(shape)


class Buffer:
    """Memory of a fixed width that grows to the largest batch seen and is lent out row by row, full of ones at first.

    `units` is what was lent last, without its last column.

    Examples
    --------
    >>> buffer = Buffer(2)
    >>> buffer.like(np.ones((4, 9))).shape, buffer.like(np.ones((3, 9))).shape, buffer.units.shape
    ((4, 2), (3, 2), (3, 1))
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._shape: tuple[int, ...] = ()
        self._whole = self._lent = self.units = np.empty((0, width))

    def like(self, X: FloatArray) -> FloatArray:
        """An array of shape (..., n_rows, width) for X (..., n_rows, n), with ones or what was written there before."""
        # Nearly every step asks for the shape of the one before, and slicing again costs more than this comparison.
        if X.shape != self._shape:
            self._lend(X)
        return self._lent

    def _lend(self, X: FloatArray) -> None:
        self._shape, lead, n_rows = X.shape, X.shape[:-2], X.shape[-2]
        # Grown, never shrunk: the last batch of an epoch is smaller, and the next whole one needs all of it again.
        if self._whole.shape[:-2] != lead or self._whole.shape[-2] < n_rows:
            self._whole = aligned((*lead, n_rows, self._width), X.dtype)
            # Layers write units and leave the last column alone: its ones are what the next layer multiplies its b
            # with.
            self._whole.fill(1.0)
        # Leading rows, which lie together for each member, as BLAS wants them.
        self._lent = self._whole[..., :n_rows, :]
        self.units = self._lent[..., :-1]
