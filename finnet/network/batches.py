"""Rows to learn from, shuffled anew for every epoch and cut into batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from finnet.types import FloatArray, IntArray

__all__ = ["Batch", "Batches", "Examples"]

_CHUNK_BYTES = 4 << 20


class Batch(NamedTuple):
    """Rows of one step, with the leading member axis of a pack."""

    X: FloatArray
    Y: FloatArray
    weights: FloatArray | None


@dataclass(frozen=True)
class Examples:
    """Inputs X (n_rows, n_features), targets Y (n_rows, n_outputs) and weights (n_rows, 1) with mean 1, or None."""

    X: FloatArray
    Y: FloatArray
    weights: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.X)

    def take(self, rows: IntArray) -> Batch:
        """Those rows: rows of shape (n,) or (n_members, n) give arrays with those leading axes."""
        weights = None if self.weights is None else self.weights.take(rows, axis=0)
        return Batch(self.X.take(rows, axis=0), self.Y.take(rows, axis=0), weights)


class Batches:
    """The batches of one epoch after another.

    Rows are gathered in shuffled order in chunks of at most 4 MiB, or one batch where that is larger, so that every
    batch is a plain slice.

    Parameters
    ----------
    examples : Examples
    size : int
        Rows per batch; the last one of an epoch may be smaller.
    rngs : Generator or sequence of Generator
        One for a single network, a sequence with one per member for a pack.
    rows : ndarray of int of shape (n,) or (n_members, n), optional
        The rows to learn from; None is all of them, for every member.

    Examples
    --------
    >>> X = np.arange(5.0)[:, None]
    >>> batches = Batches(Examples(X, X), 2, rngs=np.random.default_rng(0))
    >>> sorted(len(batch.X) for batch in batches)
    [1, 2, 2]
    """

    def __init__(
        self,
        examples: Examples,
        size: int,
        *,
        rngs: np.random.Generator | Sequence[np.random.Generator],
        rows: IntArray | None = None,
    ) -> None:
        self.examples, self.size, self._rngs = examples, size, rngs
        self.rows = np.arange(len(examples)) if rows is None else rows
        row_bytes = examples.X[:1].nbytes * self._members
        self._chunk = size * max(1, _CHUNK_BYTES // (row_bytes * size))

    def __len__(self) -> int:
        return int(-(-self.rows.shape[-1] // self.size))

    def __iter__(self) -> Iterator[Batch]:
        order = self._shuffled()
        for start in range(0, order.shape[-1], self._chunk):
            chunk = self.examples.take(order[..., start : start + self._chunk])
            yield from _cut(chunk, self.size)

    def keep(self, members: IntArray) -> None:
        """Go on with these members alone."""
        assert not isinstance(self._rngs, np.random.Generator)
        self._rngs = [self._rngs[member] for member in members]
        if self.rows.ndim == 2:
            self.rows = self.rows[members]

    @property
    def _members(self) -> int:
        return 1 if isinstance(self._rngs, np.random.Generator) else len(self._rngs)

    def _shuffled(self) -> IntArray:
        if isinstance(self._rngs, np.random.Generator):
            return self._rngs.permutation(self.rows)
        rows = np.broadcast_to(self.rows, (len(self._rngs), self.rows.shape[-1]))
        return np.stack([rng.permutation(own) for rng, own in zip(self._rngs, rows, strict=True)])


def _cut(chunk: Batch, size: int) -> Iterator[Batch]:
    X, Y, weights = chunk
    every = (slice(None),) * (X.ndim - 2)
    for i in range(0, X.shape[-2], size):
        rows = (*every, slice(i, i + size))
        yield Batch(X[rows], Y[rows], None if weights is None else weights[rows])
