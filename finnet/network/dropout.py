"""Dropout: masks of the units that are silenced in one step of training."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from finnet.network.constants import common
from finnet.network.memory import aligned
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = ["Masks", "MasksAhead"]

# Elements drawn ahead: enough that drawing is cheap, few enough that they stay in the cache.
_AHEAD = 1 << 15
_WORD = 8  # bytes of one draw


class Masks:
    """Fresh masks for every step, in which each unit is kept with probability 1 - rate; one stream per member.

    Random bytes are compared with a threshold, so the rate is rounded to a multiple of 1/256, and units that are kept
    grow by 1 / (1 - threshold / 256), the exact inverse of their probability (Srivastava et al. 2014). Masks are drawn
    several steps ahead, because each call has a price.

    Parameters
    ----------
    rngs : sequence of Generator, one per member
    rates : sequence of float in [0, 1), one per member, or one for all

    Examples
    --------
    >>> masks = Masks([np.random.default_rng(0)], (0.25,))
    >>> float(masks.ahead((1000, 100)).draw().mean().round(2)), float(masks.growth(np.dtype("float64")))
    (0.75, 1.3333333333333333)
    """

    def __init__(self, rngs: Sequence[np.random.Generator], rates: Sequence[float]) -> None:
        # Raw words come from generators of their own, seeded as those given are, so that equal seeds draw equal masks.
        seeds = [cast(np.random.SeedSequence, rng.bit_generator.seed_seq) for rng in rngs]
        self._sources = [np.random.SFC64(seed) for seed in seeds]
        every = np.broadcast_to(np.asarray(rates), len(rngs))
        # A threshold of 256 would keep no unit and let those kept grow without limit.
        self._threshold = np.minimum(np.round(256 * every), 255).astype(np.uint8)[:, None]
        self._ahead: dict[tuple[int, ...], MasksAhead] = {}

    def ahead(self, shape: tuple[int, ...]) -> "MasksAhead":
        """The masks of that shape; a member's depend on its own generator alone."""
        # The last batch of an epoch is smaller, and has masks of its own from the same streams.
        if shape not in self._ahead:
            self._ahead[shape] = MasksAhead(shape, self._sources, self._threshold)
        return self._ahead[shape]

    def growth(self, dtype: np.dtype[np.floating]) -> FloatArray:
        """Factor of the elements that are not dropped, one for all or of shape (n_members, 1, 1)."""
        return np.asarray(common((256.0 / (256.0 - self._threshold[:, :, None])).astype(dtype)))

    def keep(self, members: IntArray) -> None:
        """Go on with these members alone, given by their numbers, shape (k,)."""
        self._sources = [self._sources[member] for member in members]
        self._threshold = self._threshold[members]
        left = {(len(members), *shape[1:]): ahead for shape, ahead in self._ahead.items()}
        self._ahead = {}
        # What was drawn ahead is used up first, as each member would do alone.
        for shape, ahead in left.items():
            self.ahead(shape).take_over(ahead, members)


class MasksAhead:
    """Masks of one shape, drawn for several steps at once into the same memory again and again."""

    def __init__(self, shape: tuple[int, ...], sources: Sequence[np.random.SFC64], threshold: IntArray) -> None:
        self._sources, self._threshold, count = sources, threshold, shape[-2] * shape[-1]
        # Neither depends on how many members there are, and so no member's masks do.
        self._n_steps = max(1, _AHEAD // count)
        # Whole words per step, as a generator gives eight random bytes at a time.
        step = -(-count // _WORD) * _WORD
        self._drawn: BoolArray = aligned((len(sources), step * self._n_steps), bool)
        self._masks = [self._drawn[:, i * step : i * step + count].reshape(shape) for i in range(self._n_steps)]
        self._next = self._n_steps

    def draw(self) -> BoolArray:
        """The mask of the next step, of the shape given, False where an element is dropped; valid until the next."""
        if self._next == self._n_steps:
            n_words = self._drawn.shape[1] // _WORD
            for own, source, threshold in zip(self._drawn, self._sources, self._threshold, strict=True):
                np.greater_equal(source.random_raw(n_words).view(np.uint8), threshold, out=own)
            self._next = 0
        self._next += 1
        return self._masks[self._next - 1]

    @property
    def last(self) -> BoolArray:
        """The mask that was drawn last, of the shape given."""
        return self._masks[self._next - 1]

    def take_over(self, before: "MasksAhead", members: IntArray) -> None:
        """Go on with what was drawn for these members, given by their numbers, shape (k,)."""
        self._drawn[...], self._next = before._drawn[members], before._next
