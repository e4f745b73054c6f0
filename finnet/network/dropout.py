"""Dropout: masks of the units that are silenced in one step of training."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from finnet.network.constants import constant
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = ["Masks"]

# Elements drawn ahead: enough that drawing is cheap, few enough that they stay in the cache.
_AHEAD = 1 << 18
_WORD = 8  # bytes of one draw


class Masks:
    """Fresh masks for every step, in which each unit is kept with probability 1 - rate; one stream per member.

    Random bytes are compared with a threshold, so the rate is rounded to a multiple of 1/256, and units that are kept
    grow by 1 / (1 - threshold / 256), the exact inverse of their probability (Srivastava et al. 2014). Masks are drawn
    several steps ahead, because each call has a price.

    Parameters
    ----------
    rngs : sequence of Generator, one per member
    rates : sequence of float in [0, 1), one per member

    Examples
    --------
    >>> masks = Masks([np.random.default_rng(0)], (0.25,))
    >>> float(masks.draw(np.empty((1000, 100))).mean().round(2)), float(masks.growth(np.dtype("float64")))
    (0.75, 1.3333333333333333)
    """

    def __init__(self, rngs: Sequence[np.random.Generator], rates: Sequence[float]) -> None:
        seeds = [cast(np.random.SeedSequence, rng.bit_generator.seed_seq) for rng in rngs]
        self._sources = [np.random.SFC64(seed) for seed in seeds]
        self._threshold = np.minimum(np.round(256 * np.asarray(rates)), 255).astype(np.uint8)[:, None]
        self._pool: BoolArray = np.empty((len(rngs), 0), dtype=bool)
        self._next = 0

    def draw(self, X: FloatArray) -> BoolArray:
        """Which elements are kept, in the shape of X; a member's depend on its own generator alone."""
        count = X.shape[-2] * X.shape[-1]
        start = self._next
        # Whole words, so that what a member draws does not depend on how far ahead.
        self._next += -(-count // _WORD) * _WORD
        if self._next > self._pool.shape[1]:
            self._refill(self._next - start, left=self._pool[:, start:])
            start, self._next = 0, self._next - start
        return self._pool[:, start : start + count].reshape(X.shape)

    def growth(self, dtype: np.dtype[np.floating]) -> FloatArray:
        """Factor of the elements that are kept, one for all or of shape (n_members, 1, 1)."""
        if len(self._threshold) == 1:
            return constant(256.0 / (256.0 - float(self._threshold[0, 0])), dtype)
        return (256.0 / (256.0 - self._threshold)).astype(dtype)[:, :, None]

    def keep(self, members: IntArray) -> None:
        """Go on with these members alone."""
        self._sources = [self._sources[member] for member in members]
        self._threshold, self._pool = self._threshold[members], self._pool[members]

    def _refill(self, count: int, *, left: BoolArray) -> None:
        """Draw masks of that many elements for some steps, behind those that are left."""
        n_steps = max(1, _AHEAD // (count * len(self._sources)))
        words = n_steps * count // _WORD
        drawn = np.empty((len(self._sources), words), np.uint64)
        for own, source in zip(drawn, self._sources, strict=True):
            own[:] = source.random_raw(words)
        kept = drawn.view(np.uint8) >= self._threshold
        self._pool = np.concatenate([left, kept], axis=1) if left.size else kept
